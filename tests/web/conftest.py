from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from redis import Redis

from detection.models import ModelVersion
from tests.services.detections import active_fake_version


@pytest.fixture(autouse=True)
def queue_server() -> Iterator[None]:
    """The Valkey of the tests, empty."""
    client = Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    yield
    client.flushdb()
    client.close()


@pytest.fixture
def fake_version(db: None) -> ModelVersion:
    return active_fake_version()
