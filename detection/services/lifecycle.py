"""What becomes of a detection other than success: sent back, failed, cancelled, erased."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from detection.errors import DetectionError
from detection.models import Detection, Document
from detection.services.caches import forget_document
from detection.services.dispatch import dispatch_on_commit
from detection.services.idempotent_replies import forget_replies_about
from detection.services.submission import Submitter
from detection.services.transitions import move
from detection.states import OPEN_STATES, WORKING_STATES, State
from zhenwen.audit.services import record_event
from zhenwen.ledger.services import release_reservation
from zhenwen.observability.metrics import DETECTIONS_TOTAL

_WAITING = {State.EXTRACTING: State.QUEUED, State.SCORING: State.QUEUED_FOR_SCORING}


class DetectionNotCancellable(Exception):
    """The detection has ended already."""


@transaction.atomic
def fail_detection(
    *, detection: Detection, code: str, parameters: dict[str, int | str] | None = None
) -> bool:
    """Failed for good, nothing charged; False when somebody else moved it first."""
    failed = move(
        detection,
        to=State.FAILED,
        error_code=code,
        error_parameters=parameters or {},
        finished_at=timezone.now(),
        lease_expires_at=None,
    )
    if failed:
        release_reservation(organization_id=detection.organization_id, reference=detection.ledger_reference)
        count_end(State.FAILED, code)
    return failed


@transaction.atomic
def send_back(*, detection: Detection, later: bool = False) -> bool:
    """What a worker could not finish waits for the next attempt, at once or `later`; too many end as failed.

    False when somebody else moved it first.
    """
    if detection.attempt >= settings.ATTEMPTS_AT_MOST:
        return fail_detection(detection=detection, code=DetectionError.ATTEMPTS_EXHAUSTED)
    pause = timedelta(seconds=2**detection.attempt)
    moved = move(
        detection,
        to=_WAITING[State(detection.state)],
        attempt=detection.attempt + 1,
        lease_expires_at=None,
        waiting_since=timezone.now(),
        run_after=timezone.now() + pause if later else None,
    )
    if moved and not later:
        dispatch_on_commit(detection)
    return moved


@transaction.atomic
def cancel_detection(*, detection: Detection, cancelled_by: Submitter) -> None:
    """Nothing is charged; a worker in the middle of it stops at its next look.

    Raises DetectionNotCancellable.
    """
    current = Detection.objects.select_for_update(no_key=True).get(pk=detection.pk)
    if current.state not in OPEN_STATES:
        raise DetectionNotCancellable
    move(current, to=State.CANCELLED, finished_at=timezone.now(), lease_expires_at=None)
    release_reservation(organization_id=current.organization_id, reference=current.ledger_reference)
    count_end(State.CANCELLED)
    record_event(
        organization_id=current.organization_id,
        actor=cancelled_by.user,
        actor_label=cancelled_by.label,
        action="detection.cancelled",
        target=str(current.pk),
    )
    detection.refresh_from_db()


@transaction.atomic
def cancel_unbegun(*, detection: Detection, cancelled_by: Submitter) -> bool:
    """Cancelled unless a worker has it, or has had its end; False then, and nothing is changed."""
    waiting = Detection.objects.select_for_update(no_key=True).filter(
        pk=detection.pk, state__in=OPEN_STATES - WORKING_STATES
    )
    current = waiting.first()
    if current is None:
        return False
    cancel_detection(detection=current, cancelled_by=cancelled_by)
    return True


@transaction.atomic
def erase_document(*, document: Document, erased_by: Submitter) -> None:
    """Text, file, detections, reports and cached scores are gone; ledger and audit log keep that it was."""
    for detection in document.detections.select_for_update(no_key=True).filter(state__in=OPEN_STATES):
        cancel_detection(detection=detection, cancelled_by=erased_by)
    for detection_id in document.detections.values_list("pk", flat=True):
        forget_replies_about(detection_id=detection_id)
    record_event(
        organization_id=document.organization_id,
        actor=erased_by.user,
        actor_label=erased_by.label,
        action="document.erased",
        target=str(document.pk),
    )
    forget_document(document)
    document.delete()


def count_end(state: State, error_code: str = "") -> None:
    """One more for the metrics, once the transaction stands."""
    counter = DETECTIONS_TOTAL.labels(state.value, error_code)
    transaction.on_commit(counter.inc, robust=True)
