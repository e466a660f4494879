"""From text to report, in a warm worker that holds the model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Protocol

import structlog
from django.db import DatabaseError, transaction
from django.utils import timezone

from detection.errors import DetectionError
from detection.models import Detection, ModelVersion, Priority, Report
from detection.scoring.calibration import Calibration
from detection.scoring.prepare import PreparedDocument, prepare
from detection.scoring.types import DetectionResult, Scorer, SegmentInput, SegmentScore
from detection.scoring.verdict import abstention, conclude
from detection.selectors.model_versions import active_model_version
from detection.services.caches import cached_scores, remember_scores, stored_document
from detection.services.lifecycle import count_end, fail_detection, send_back
from detection.services.realtime_replies import announce_end
from detection.services.transitions import Lease, LeaseLost, lease_end, move, renewed_lease
from detection.states import State
from zhenwen.ledger.services import charge_reservation
from zhenwen.observability.metrics import (
    SEGMENT_CACHE_TOTAL,
    SEGMENTS_SCORED_TOTAL,
    STAGE_SECONDS,
    VERDICTS_TOTAL,
)
from zhenwen.tenancy.scope import tenant_scope

logger = structlog.get_logger(__name__)

# Between two looks at the lease and the progress bar.
SEGMENTS_PER_STEP = 32
PROGRESS_INTERVAL_SECONDS = 1.0


class CalibratedScorer(Scorer, Protocol):
    """A scorer with the calibration of its model folder."""

    @property
    def calibration(self) -> Calibration: ...


ScorerFor = Callable[[ModelVersion], CalibratedScorer]


def score_document(*, organization_id: int, detection_id: str, attempt: int, scorer_for: ScorerFor) -> None:
    """Claim, score, report and charge. Quietly does nothing when the claim fails or the lease is lost."""
    detection = _claim(organization_id, detection_id, attempt)
    if detection is None or detection.model_version is None:
        return
    started = time.perf_counter()
    try:
        with renewed_lease(detection) as lease:
            result = _result(detection, scorer_for(detection.model_version), lease)
            lease.check()
        with tenant_scope(organization_id), STAGE_SECONDS.labels("store").time():
            finished = _finish(detection, result)
    except LeaseLost:
        logger.info("lease lost", detection_id=detection_id, attempt=attempt)
        return
    except Exception as error:
        # Only the kind of error: its message may quote the document.
        logger.error("scoring failed", detection_id=detection_id, error_type=type(error).__name__)
        _send_back(detection)
        return
    logger.info(
        "detection scored",
        detection_id=detection_id,
        organization_id=organization_id,
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


def _claim(organization_id: int, detection_id: str, attempt: int) -> Detection | None:
    with tenant_scope(organization_id):
        detection = (
            Detection.objects.select_related("document__content")
            .filter(pk=detection_id, attempt=attempt, state=State.QUEUED_FOR_SCORING)
            .first()
        )
        if detection is None:
            return None
        version = active_model_version()
        if version is None:
            fail_detection(detection=detection, code=DetectionError.NO_MODEL)
            return None
        STAGE_SECONDS.labels("wait").observe(
            (timezone.now() - (detection.dispatched_at or detection.created_at)).total_seconds()
        )
        claimed = move(
            detection,
            to=State.SCORING,
            lease_expires_at=lease_end(),
            model_version=version,
            started_at=detection.started_at or timezone.now(),
        )
        return detection if claimed else None


def _result(detection: Detection, scorer: CalibratedScorer, lease: Lease) -> DetectionResult:
    content = detection.document.content
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
    detection: Detection, prepared: PreparedDocument, scorer: CalibratedScorer, lease: Lease
) -> list[SegmentScore]:
    segments = prepared.segments
    known = cached_scores(model_digest=scorer.model_digest, segments=segments)
    missing = [index for index, score in enumerate(known) if score is None]
    SEGMENT_CACHE_TOTAL.labels("hit").inc(len(segments) - len(missing))
    SEGMENT_CACHE_TOTAL.labels("miss").inc(len(missing))
    progress = _Progress(detection, total=len(segments))
    for start in range(0, len(missing), SEGMENTS_PER_STEP):
        lease.check()
        step = missing[start : start + SEGMENTS_PER_STEP]
        chosen: list[SegmentInput] = [segments[index] for index in step]
        with STAGE_SECONDS.labels("infer").time():
            fresh = scorer.score(chosen)
        SEGMENTS_SCORED_TOTAL.labels(scorer.model_name).inc(len(fresh))
        remember_scores(model_digest=scorer.model_digest, segments=chosen, scores=fresh)
        for index, score in zip(step, fresh, strict=True):
            known[index] = score
        progress.show(scored=len(segments) - len(missing) + start + len(step))
    return [score for score in known if score is not None]


class _Progress:
    """Writes how many segments are done, at most once a second."""

    def __init__(self, detection: Detection, *, total: int) -> None:
        self.detection = detection
        self.total = total
        self.shown_at = time.monotonic()

    def show(self, *, scored: int) -> None:
        if time.monotonic() - self.shown_at < PROGRESS_INTERVAL_SECONDS:
            return
        self.shown_at = time.monotonic()
        with tenant_scope(self.detection.organization_id):
            Detection.objects.filter(pk=self.detection.pk, attempt=self.detection.attempt).update(
                segments_scored=scored, segments_total=self.total
            )


@transaction.atomic
def _finish(detection: Detection, result: DetectionResult) -> bool:
    """Report, charge and state in one transaction: all of it, or nothing."""
    moved = move(detection, to=State.SUCCEEDED, finished_at=timezone.now(), lease_expires_at=None)
    if not moved:
        return False
    Report.objects.create(
        organization_id=detection.organization_id,
        detection=detection,
        verdict=result.verdict.value,
        p_ai=result.p_ai,
        characters=result.characters,
        characters_excluded=result.characters_excluded,
        shares=result.shares,
        sentences=[asdict(sentence) for sentence in result.sentences],
        excluded=[asdict(span) for span in result.excluded],
        attack_flags=[asdict(flag) for flag in result.attack_flags],
        reasons=list(result.reasons),
        length_band=result.length_band,
        tolerated_fpr=result.tolerated_fpr,
        threshold=result.threshold,
        fpr_upper_bound=result.fpr_upper_bound,
        calibration_texts=result.calibration_texts,
        model_name=result.model_name,
        model_digest=result.model_digest,
        calibration_digest=result.calibration_digest,
    )
    charge_reservation(organization_id=detection.organization_id, reference=detection.ledger_reference)
    count_end(State.SUCCEEDED)
    VERDICTS_TOTAL.labels(result.model_name, result.verdict.value).inc()
    return True
