"""From text to report, in a warm worker that holds the model."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from detection.models import Detection, DocumentContent, Priority, Report
from detection.scoring.prepare import PreparedDocument, prepare
from detection.scoring.types import DetectionResult, SegmentInput, SegmentScore
from detection.scoring.verdict import abstention, conclude, was_scored
from detection.services.caches import cached_scores, remember_scores, stored_document
from detection.services.claiming import claim_next
from detection.services.leases import Lease, LeaseLost, renewed_lease
from detection.services.lifecycle import count_end, send_back
from detection.services.realtime_replies import announce_end
from detection.services.reports import report_fields
from detection.services.transitions import move
from detection.services.warm_model import BorrowModel, SegmentScorer
from detection.states import State
from zhenwen.ledger.services import charge_reservation, release_reservation
from zhenwen.observability.metrics import (
    DETECTIONS_IN_HAND,
    SEGMENT_CACHE_TOTAL,
    SEGMENTS_SCORED_TOTAL,
    STAGE_SECONDS,
    VERDICTS_TOTAL,
)
from zhenwen.tenancy.scope import tenant_scope

logger = structlog.get_logger(__name__)

# What is handed to the engine at once, and between two looks at the lease and the progress bar. Small enough
# that a short paper gets between the steps of a long one of the same institution.
SEGMENTS_PER_STEP = 32
# So that the engine has the next step before it has finished this one.
STEPS_AHEAD = 2
PROGRESS_INTERVAL_SECONDS = 1.0


def score_next(*, priority: Priority, borrow_model: BorrowModel) -> bool:
    """Take the detection whose turn it is from its text to its report; False when none can be taken."""
    with borrow_model() as model:
        if model is None:
            return False
        detection = claim_next(
            waiting=State.QUEUED_FOR_SCORING,
            priority=priority,
            to=State.SCORING,
            model_version_id=model.version.pk,
        )
        if detection is None:
            return False
        with DETECTIONS_IN_HAND.labels(priority.value).track_inprogress():
            score_claimed(detection, model.scorer)
        return True


def score_claimed(detection: Detection, scorer: SegmentScorer) -> None:
    """Score, report and settle. Quietly leaves no trace when the lease is lost."""
    started = time.perf_counter()
    try:
        with renewed_lease(detection) as lease:
            result = _result(detection, scorer, lease)
            lease.check()
        with tenant_scope(detection.organization_id), STAGE_SECONDS.labels("store").time():
            finished = _finish(detection, result)
    except LeaseLost:
        logger.info("lease lost", detection_id=str(detection.pk), attempt=detection.attempt)
        return
    except Exception as error:
        # Only the kind of error: its message may quote the document.
        logger.error("scoring failed", detection_id=str(detection.pk), error_type=type(error).__name__)
        _send_back(detection)
        return
    logger.info(
        "detection scored",
        detection_id=str(detection.pk),
        organization_id=detection.organization_id,
        characters=result.characters,
        verdict=result.verdict if finished else "superseded",
        seconds=round(time.perf_counter() - started, 3),
    )
    if detection.priority == Priority.REALTIME:
        announce_end(detection)


def _send_back(detection: Detection) -> None:
    # A transaction that was rolled back left the object ahead of its row.
    detection.state = State.SCORING
    try:
        with tenant_scope(detection.organization_id):
            send_back(detection=detection, later=True)
    except DatabaseError:
        logger.warning("left to the sweeper", detection_id=str(detection.pk))


def _result(detection: Detection, scorer: SegmentScorer, lease: Lease) -> DetectionResult:
    with tenant_scope(detection.organization_id):
        content = DocumentContent.objects.only("text", "blocks").get(document_id=detection.document_id)
    with STAGE_SECONDS.labels("prepare").time():
        prepared = prepare(stored_document(content.text or "", content.blocks))
    calibration = scorer.calibration
    scores = [] if abstention(prepared, calibration) else _scores(detection, prepared, scorer, lease)
    return conclude(
        prepared=prepared,
        scores=scores,
        calibration=calibration,
        tolerated_fpr=float(detection.tolerated_fpr),
        model_name=scorer.model_name,
        model_digest=scorer.model_digest,
    )


def _scores(
    detection: Detection, prepared: PreparedDocument, scorer: SegmentScorer, lease: Lease
) -> list[SegmentScore]:
    segments = prepared.segments
    known = cached_scores(model_digest=scorer.model_digest, segments=segments)
    missing = [index for index, score in enumerate(known) if score is None]
    SEGMENT_CACHE_TOTAL.labels("hit").inc(len(segments) - len(missing))
    SEGMENT_CACHE_TOTAL.labels("miss").inc(len(missing))
    progress = _Progress(detection, total=len(segments), scored=len(segments) - len(missing))
    with STAGE_SECONDS.labels("infer").time():
        for step, fresh in _scored_steps(detection, segments, missing, scorer, lease):
            SEGMENTS_SCORED_TOTAL.labels(scorer.model_name).inc(len(fresh))
            remember_scores(
                model_digest=scorer.model_digest, segments=[segments[index] for index in step], scores=fresh
            )
            for index, score in zip(step, fresh, strict=True):
                known[index] = score
            progress.add(len(step))
    return [score for score in known if score is not None]


def _scored_steps(
    detection: Detection,
    segments: Sequence[SegmentInput],
    missing: Sequence[int],
    scorer: SegmentScorer,
    lease: Lease,
) -> Iterator[tuple[Sequence[int], list[SegmentScore]]]:
    """The numbers of the missing segments step by step, each with its scores. Raises LeaseLost."""
    ahead: deque[tuple[Sequence[int], Future[list[SegmentScore]]]] = deque()
    try:
        for start in range(0, len(missing), SEGMENTS_PER_STEP):
            lease.check()
            step = missing[start : start + SEGMENTS_PER_STEP]
            chosen = [segments[index] for index in step]
            ahead.append((step, scorer.submit(chosen, tenant=detection.organization_id)))
            if len(ahead) == STEPS_AHEAD:
                yield _answered(ahead.popleft())
        while ahead:
            yield _answered(ahead.popleft())
    finally:
        for _step, future in ahead:
            future.cancel()


def _answered(
    step: tuple[Sequence[int], Future[list[SegmentScore]]],
) -> tuple[Sequence[int], list[SegmentScore]]:
    numbers, future = step
    return numbers, future.result(timeout=settings.SCORE_TIMEOUT_SECONDS)


class _Progress:
    """Writes how many segments are done, at most once a second."""

    def __init__(self, detection: Detection, *, total: int, scored: int) -> None:
        self.detection = detection
        self.total = total
        self.scored = scored
        self.shown_at = time.monotonic()

    def add(self, number: int) -> None:
        self.scored += number
        if time.monotonic() - self.shown_at < PROGRESS_INTERVAL_SECONDS:
            return
        self.shown_at = time.monotonic()
        with tenant_scope(self.detection.organization_id):
            Detection.objects.filter(pk=self.detection.pk, attempt=self.detection.attempt).update(
                segments_scored=self.scored, segments_total=self.total
            )


@transaction.atomic(savepoint=False)
def _finish(detection: Detection, result: DetectionResult) -> bool:
    """Report, charge and state in one transaction: all of it, or nothing. What was not scored is free."""
    moved = move(detection, to=State.SUCCEEDED, finished_at=timezone.now(), lease_expires_at=None)
    if not moved:
        return False
    Report.objects.create(
        organization_id=detection.organization_id, detection=detection, **report_fields(result)
    )
    settle = charge_reservation if was_scored(result.reasons) else release_reservation
    settle(organization_id=detection.organization_id, reference=detection.ledger_reference)
    count_end(State.SUCCEEDED)
    VERDICTS_TOTAL.labels(result.model_name, result.verdict.value).inc()
    return True
