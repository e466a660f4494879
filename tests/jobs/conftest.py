from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from tests.jobs.site import QueueServer
from tests.services.detections import active_fake_version


@pytest.fixture
def queue_server(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[QueueServer]:
    """A Valkey of this test's own, known to the test's process and to those it starts."""
    server = QueueServer()
    settings.REDIS_URL = server.address
    monkeypatch.setattr("zhenwen.jobs.queues._connection", None)
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def _model(transactional_db: None) -> None:
    active_fake_version()
