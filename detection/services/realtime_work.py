"""One realtime call from its text to its answer, around what the model says of its segments."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.utils import timezone
from redis import RedisError

from detection.extraction import extract_text
from detection.scoring.prepare import PreparedDocument, prepare
from detection.scoring.types import ExtractedDocument, SegmentScore
from detection.scoring.verdict import abstention, conclude
from detection.services.caches import LookUp, cached_scores
from detection.services.realtime_answers import Answer
from detection.services.realtime_calls import AdmittedCall
from detection.services.realtime_records import record_of
from detection.services.realtime_terms import tolerated_fpr_in
from detection.services.warm_model import Model

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Work:
    """A call in hand. `missing`: segments without a score."""

    admitted: AdmittedCall
    model: Model
    document: ExtractedDocument
    prepared: PreparedDocument
    started_at: datetime
    scores: list[SegmentScore | None] = field(default_factory=list)
    missing: int = 0
    has_failed: bool = False


def prepared_work(call: AdmittedCall, model: Model) -> Work:
    """Its segments, none of them scored; without any where the answer needs no score."""
    document = extract_text(call.call.text)
    prepared = prepare(document)
    abstains = abstention(prepared, model.scorer.calibration)
    return Work(
        admitted=call,
        model=model,
        document=document,
        prepared=prepared,
        started_at=timezone.now(),
        scores=[] if abstains else [None] * len(prepared.segments),
    )


def look_up(works: Sequence[Work], model: Model) -> None:
    """Give each call what the caches know of its segments, in one round trip for all of them."""
    wanted = [segment for work in works for segment in work.prepared.segments if work.scores]
    known = iter(cached_scores(model_digest=model.scorer.model_digest, segments=wanted))
    for work in works:
        work.scores = [next(known) for _ in work.scores]


class WorkAhead:
    """A call prepared before it is taken, so that taking it and looking up its segments is one round trip."""

    def __init__(self, call: AdmittedCall, model: Model) -> None:
        self.work = prepared_work(call, model)
        segments = self.work.prepared.segments if self.work.scores else ()
        self._look_up = LookUp(model_digest=model.scorer.model_digest, segments=segments)
        self.names = self._look_up.names

    def complete(self, values: Sequence[bytes | None]) -> None:
        """By the values of `names`."""
        with suppress(RedisError):
            self.work.scores = self._look_up.completed(values)

    def is_of(self, call: AdmittedCall) -> bool:
        return self.work.admitted.call.call_id == call.call.call_id


def concluded(work: Work) -> Answer:
    """The answer, with its record; one that says there is none where anything failed."""
    if work.has_failed:
        return Answer.none_for(work.admitted)
    scorer = work.model.scorer
    try:
        result = conclude(
            prepared=work.prepared,
            scores=[score for score in work.scores if score is not None],
            calibration=scorer.calibration,
            tolerated_fpr=float(tolerated_fpr_in(work.admitted.terms)),
            model_name=scorer.model_name,
            model_digest=scorer.model_digest,
        )
        record = record_of(
            admitted=work.admitted,
            document=work.document,
            result=result,
            characters=work.prepared.characters,
            model_version_id=work.model.version.pk,
            started_at=work.started_at,
        )
        return Answer.with_record(work.admitted, record, work.model.version)
    except Exception as error:  # its message may quote the text
        logger.error(
            "call not concluded", detection_id=work.admitted.call.call_id, error=type(error).__name__
        )
        return Answer.none_for(work.admitted)
