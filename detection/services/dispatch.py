"""Waking a worker. The rows say what work is open; a message only says sooner that some is."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.db import transaction
from redis import RedisError

from detection.models import Detection
from detection.states import State
from zhenwen.jobs.queues import EXTRACT, REALTIME, WAKE_UPS_AT_MOST, send, wake

logger = structlog.get_logger(__name__)

EXTRACT_TASK = "detection.tasks.extract_next_task"


def dispatch_on_commit(detection: Detection) -> None:
    """After the transaction, and only then. With the queue away the sweeper wakes somebody later."""
    queue = queue_of(State(detection.state), detection.priority)
    transaction.on_commit(lambda: wake_one(queue), robust=True)


def queue_of(state: State, priority: str) -> str:
    return EXTRACT if state == State.QUEUED else priority


def wake_one(queue: str) -> bool:
    """True when the server of the queues has been told."""
    try:
        if queue == EXTRACT:
            send(queue=queue, task=EXTRACT_TASK, timeout_seconds=settings.EXTRACT_TIMEOUT_SECONDS)
        else:
            # How many realtime calls wait is what tells whether there is room for more.
            wake(queue=queue, messages_at_most=None if queue == REALTIME else WAKE_UPS_AT_MOST)
    except RedisError:
        logger.warning("queue away, waking left to the sweeper", queue=queue)
        return False
    return True
