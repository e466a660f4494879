"""Finding what was lost: every open detection is a row, so none can be lost for good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from detection.models import Detection, Document, DocumentContent, Policy
from detection.services.caches import forget_document
from detection.services.dispatch import dispatch
from detection.services.idempotent_replies import forget_expired_replies
from detection.services.lifecycle import send_back
from detection.states import OPEN_STATES, WORKING_STATES
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


def dispatch_waiting_again() -> int:
    """Wake workers for rows whose message was lost or never sent; how many messages went out."""
    now = timezone.now()
    stale = now - timedelta(seconds=settings.DISPATCH_AGAIN_SECONDS)
    with operator_scope():
        waiting = list(
            Detection.objects.filter(state__in=WAITING_STATES)
            .filter(Q(run_after=None) | Q(run_after__lte=now))
            .filter(Q(dispatched_at__lt=stale) | Q(dispatched_at=None, created_at__lt=stale))
            .order_by(F("dispatched_at").asc(nulls_first=True))[:ROWS_PER_SWEEP]
        )
    sent = sum(dispatch(detection, is_repeated=True) for detection in waiting)
    with operator_scope():
        # What still waits in its queue was looked at; others get their turn first.
        Detection.objects.filter(
            pk__in=[row.pk for row in waiting if row.dispatched_at], state__in=WAITING_STATES
        ).update(dispatched_at=now)
    return sent


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
