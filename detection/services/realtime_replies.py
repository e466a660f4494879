"""Telling a waiting call that its detection has ended."""

from __future__ import annotations

import time

import structlog
from redis import RedisError

from detection.models import Detection
from zhenwen.jobs.queues import shared_connection

logger = structlog.get_logger(__name__)

REPLY_SECONDS = 60
POLL_SECONDS = 0.1


def announce_end(detection: Detection) -> None:
    """Whoever waits reads the row; the announcement itself says nothing."""
    try:
        pipeline = shared_connection().pipeline(transaction=False)
        pipeline.lpush(_key(detection), 1)
        pipeline.expire(_key(detection), REPLY_SECONDS)
        pipeline.execute()
    except RedisError:
        logger.warning("end not announced", detection_id=str(detection.pk))


def wait_for_end(detection: Detection, *, seconds: float) -> None:
    """Return when the end is announced or the time is up; with Valkey away, a little later at most."""
    try:
        shared_connection().blpop([_key(detection)], timeout=seconds)
    except RedisError:
        time.sleep(min(POLL_SECONDS, seconds))


def _key(detection: Detection) -> str:
    return f"reply:{detection.pk}"
