from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from redis import Redis

from detection.models import ModelVersion
from detection.services.caches import forget_scores_in_memory
from tests.services.detections import active_fake_version


@pytest.fixture(autouse=True)
def queue_server() -> Iterator[Redis[bytes]]:
    """The Valkey of the tests, empty."""
    client = Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    forget_scores_in_memory()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
def fake_version(db: None) -> ModelVersion:
    return active_fake_version()


@pytest.fixture
def queue_server_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody answers at the address of the queue server, until the test is over."""
    dead = Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=1)
    monkeypatch.setattr("zhenwen.jobs.queues._connection", dead)
    yield
    dead.close()
