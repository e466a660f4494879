"""Which calls wait for which segments: two that want the same one at once share its score."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from detection.scoring.types import SegmentInput, SegmentScore
from detection.services.caches import keep_in_memory, scores_in_memory, segment_key
from detection.services.realtime_work import Work
from detection.services.warm_model import Model
from zhenwen.observability.metrics import SEGMENT_CACHE_TOTAL


@dataclass(frozen=True, slots=True)
class Scored:
    """Segments that the model has finished with, or not."""

    model: Model
    segments: Sequence[SegmentInput]
    future: Future[list[SegmentScore]]


class SegmentsInFlight:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanting: dict[str, list[tuple[Work, int]]] = {}

    def join(self, work: Work) -> tuple[list[SegmentInput], bool]:
        """What nobody has asked the model for yet, to be asked now; and whether the work lacks nothing."""
        digest, segments = work.model.scorer.model_digest, work.prepared.segments
        missing = [number for number, score in enumerate(work.scores) if score is None]
        SEGMENT_CACHE_TOTAL.labels("hit").inc(len(work.scores) - len(missing))
        SEGMENT_CACHE_TOTAL.labels("miss").inc(len(missing))
        own = []
        with self._lock:
            # What was in flight at the look-up may have landed since; it is in memory before it lands.
            landed = scores_in_memory(model_digest=digest, segments=[segments[n] for n in missing])
            for number, score in zip(missing, landed, strict=True):
                if score is not None:
                    work.scores[number] = score
                    continue
                work.missing += 1
                key = segment_key(digest, segments[number])
                if key not in self._wanting:
                    own.append(segments[number])
                self._wanting.setdefault(key, []).append((work, number))
            return own, work.missing == 0

    def land(self, scored: Scored) -> list[Work]:
        """Give every call its scores; those that now lack nothing."""
        error = scored.future.exception()
        scores: Sequence[SegmentScore | None] = (
            [None] * len(scored.segments) if error else scored.future.result()
        )
        digest = scored.model.scorer.model_digest
        if not error:
            keep_in_memory(model_digest=digest, segments=scored.segments, scores=scored.future.result())
        complete = []
        with self._lock:
            for segment, score in zip(scored.segments, scores, strict=True):
                for work, number in self._wanting.pop(segment_key(digest, segment), []):
                    work.scores[number] = score
                    work.has_failed |= score is None
                    work.missing -= 1
                    if work.missing == 0:
                        complete.append(work)
        return complete
