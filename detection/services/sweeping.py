"""Finding what was lost: every open detection is a row, so none can be lost for good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Count, Q
from django.utils import timezone
from redis import RedisError

from detection.models import Detection, Document, DocumentContent, Policy
from detection.services.caches import forget_document
from detection.services.dispatch import queue_of, wake_one
from detection.services.idempotent_replies import forget_expired_replies
from detection.services.lifecycle import send_back
from detection.states import OPEN_STATES, WORKING_STATES, State
from zhenwen.jobs.queues import WAKE_UPS_AT_MOST, waiting_count
from zhenwen.observability.metrics import LEASES_EXPIRED_TOTAL
from zhenwen.tenancy.scope import operator_scope, tenant_scope

logger = structlog.get_logger(__name__)

ROWS_PER_SWEEP = 200
WAITING_STATES = OPEN_STATES - WORKING_STATES


def take_back_expired_leases() -> int:
    """Send on what a lost worker left behind, or end it after too many attempts; how many were taken back."""
    with operator_scope():
        expired = list(
            Detection.objects.filter(state__in=WORKING_STATES, lease_expires_at__lt=timezone.now()).order_by(
                "lease_expires_at"
            )[:ROWS_PER_SWEEP]
        )
    return sum(_take_back(detection) for detection in expired)


def _take_back(detection: Detection) -> bool:
    with tenant_scope(detection.organization_id):
        # Read again under lock: its worker may have renewed or finished in between.
        still = (
            Detection.objects.select_for_update(no_key=True, skip_locked=True)
            .filter(
                pk=detection.pk,
                attempt=detection.attempt,
                state=detection.state,
                lease_expires_at__lt=timezone.now(),
            )
            .first()
        )
        if still is None:
            return False
        logger.warning("lease expired", detection_id=str(still.pk), state=still.state, attempt=still.attempt)
        LEASES_EXPIRED_TOTAL.inc()
        return send_back(detection=still)


def wake_for_the_waiting() -> int:
    """Where more has waited a while than there are messages, some were lost: send as many anew; how many."""
    now = timezone.now()
    stale = now - timedelta(seconds=settings.DISPATCH_AGAIN_SECONDS)
    with operator_scope():
        rows = (
            Detection.objects.filter(state__in=WAITING_STATES, waiting_since__lt=stale)
            .filter(Q(run_after=None) | Q(run_after__lte=now))
            .order_by()
            .values_list("state", "priority")
            .annotate(number=Count("id"))
        )
        waiting = [(queue_of(State(state), priority), number) for state, priority, number in rows]
    return sum(_wake(queue, min(number, WAKE_UPS_AT_MOST)) for queue, number in waiting)


def _wake(queue: str, waiting: int) -> int:
    try:
        lost = waiting - waiting_count(queue)
    except RedisError:
        return 0
    return sum(wake_one(queue) for _ in range(lost))


def erase_expired_contents() -> int:
    """Text and files kept longer than their institution wants them kept; how many were erased."""
    with operator_scope():
        policies = list(Policy.objects.filter(retention_days__isnull=False))
    return sum(_erase_expired(policy) for policy in policies)


def forget_old_replies() -> int:
    """Replies to Idempotency-Keys whose time is over; how many were forgotten."""
    with operator_scope():
        return forget_expired_replies()


def _erase_expired(policy: Policy) -> int:
    finished_before = timezone.now() - timedelta(days=policy.retention_days or 0)
    with tenant_scope(policy.organization_id):
        expired: Sequence[UUID] = list(
            DocumentContent.objects.filter(document__detections__finished_at__lte=finished_before)
            .exclude(document__detections__state__in=OPEN_STATES)
            .values_list("document_id", flat=True)
            .distinct()[:ROWS_PER_SWEEP]
        )
        for document in Document.objects.select_related("content").filter(pk__in=expired):
            _erase_content(document)
    return len(expired)


def _erase_content(document: Document) -> None:
    forget_document(document)
    # A title that was taken from the text goes with it.
    if document.title in " ".join((document.content.text or "").split()):
        document.title = ""
    document.erased_at = timezone.now()
    document.save(update_fields=["erased_at", "title"])
    document.content.delete()
