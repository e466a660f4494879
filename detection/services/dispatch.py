"""Waking a worker for a detection. The row says that work is open; the message only says it sooner."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from redis import RedisError

from detection.models import Detection
from detection.states import State
from zhenwen.jobs.queues import EXTRACT, forget_unless_waiting, send
from zhenwen.tenancy.scope import tenant_scope

logger = structlog.get_logger(__name__)

EXTRACT_TASK = "detection.tasks.extract_document_task"
SCORE_TASK = "detection.tasks.score_document_task"


def dispatch_on_commit(detection: Detection) -> None:
    """After the transaction, and only then. With the queue away the sweeper dispatches later."""
    transaction.on_commit(lambda: dispatch(detection), robust=True)


def dispatch(detection: Detection, *, is_repeated: bool = False) -> bool:
    """True when a message went out. A repeated dispatch replaces a message that is not waiting any more."""
    is_file = detection.state == State.QUEUED
    queue = EXTRACT if is_file else detection.priority
    message_id = f"{detection.state}-{detection.id}-{detection.attempt}"
    try:
        if is_repeated and not forget_unless_waiting(queue=queue, message_id=message_id):
            return False
        send(
            queue=queue,
            task=EXTRACT_TASK if is_file else SCORE_TASK,
            message_id=message_id,
            arguments=[detection.organization_id, str(detection.id), detection.attempt],
            timeout_seconds=settings.EXTRACT_TIMEOUT_SECONDS if is_file else settings.SCORE_TIMEOUT_SECONDS,
        )
    except RedisError:
        logger.warning("queue away, dispatch left to the sweeper", detection_id=str(detection.id))
        return False
    with tenant_scope(detection.organization_id):
        Detection.objects.filter(pk=detection.pk).update(dispatched_at=timezone.now())
    return True
