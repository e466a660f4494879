"""A scorer for tests: it finds AI where a text says so."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from detection.scoring.types import SegmentInput, SegmentScore

AI_CUE = "综上所述"


class FakeScorer:
    """Log-odds of +`strength` for sentences with the cue, -`strength` for others, their mean for segments."""

    def __init__(self, *, cue: str = AI_CUE, strength: float = 4.0) -> None:
        self._cue = cue
        self._strength = strength

    @property
    def model_name(self) -> str:
        return "fake"

    @property
    def model_digest(self) -> str:
        return "0" * 64

    def score(self, segments: Sequence[SegmentInput]) -> list[SegmentScore]:
        return [self._score(segment) for segment in segments]

    def _score(self, segment: SegmentInput) -> SegmentScore:
        spans = list(pairwise((0, *segment.sentence_ends)))
        logits = tuple(
            self._strength if self._cue in segment.text[start:end] else -self._strength
            for start, end in spans
        )
        lengths = [end - start for start, end in spans]
        mean = sum(logit * length for logit, length in zip(logits, lengths, strict=True)) / sum(lengths)
        return SegmentScore(round(mean, 3), logits)
