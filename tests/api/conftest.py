from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from redis import Redis

from detection.models import Detection, ModelVersion
from detection.services import realtime
from detection.services.caches import forget_scores_in_memory
from tests.api.client import Caller
from tests.cast import Cast
from tests.services.detections import active_fake_version, fresh, score
from tests.services.realtime import answer_waiting_calls
from zhenwen.jobs.inbox import Inbox


@pytest.fixture(autouse=True)
def empty_queue_server() -> Iterator[None]:
    """No bucket, cached result or message of another test."""
    client = Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    forget_scores_in_memory()
    yield
    client.flushdb()
    client.close()


@pytest.fixture
def alice(cast: Cast) -> Caller:
    """A program of Alice's institution, with a key for everything."""
    return Caller(cast.acme_key)


@pytest.fixture
def mallory(cast: Cast) -> Caller:
    return Caller(cast.rival_key)


@pytest.fixture
def fake_version(db: None) -> ModelVersion:
    return active_fake_version()


@pytest.fixture
def worker(fake_version: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a result is given it: the text is scored in this process, by the fake model."""
    wait_for_answer = Inbox.wait_for_answer

    def answer_meanwhile(inbox: Inbox, call_id: str, *, ends_at: float) -> bytes | None:
        answer_waiting_calls()
        return wait_for_answer(inbox, call_id, ends_at=ends_at)

    def score_meanwhile(detection: Detection, *, seconds: float) -> None:
        if fresh(detection).is_open:
            score(detection)

    monkeypatch.setattr(Inbox, "wait_for_answer", answer_meanwhile)
    monkeypatch.setattr(realtime, "wait_for_end", score_meanwhile)
