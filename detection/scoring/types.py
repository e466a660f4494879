"""The nouns that extraction, scoring and the engine pass to each other. Pure data, no framework.

All offsets are Unicode code points into `ExtractedDocument.text`, end exclusive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Verdict(StrEnum):
    HUMAN = "human"
    AI = "ai"
    MIXED = "mixed"
    POLISHED = "polished"
    INCONCLUSIVE = "inconclusive"


class BlockKind(StrEnum):
    """What a stretch of a document is. Only PROSE is scored."""

    PROSE = "prose"
    HEADING = "heading"
    QUOTATION = "quotation"
    REFERENCE = "reference"
    TABLE = "table"
    CODE = "code"
    FORMULA = "formula"
    CAPTION = "caption"
    COVER = "cover"
    ACKNOWLEDGEMENT = "acknowledgement"
    CONTENTS = "contents"
    FOOTNOTE = "footnote"


@dataclass(frozen=True, slots=True)
class TextBlock:
    """One paragraph, cell or line group of a document."""

    start: int
    end: int
    kind: BlockKind = BlockKind.PROSE


@dataclass(frozen=True, slots=True)
class ExtractedDocument:
    """What extraction makes of a file: one text, and blocks in order that cover it without overlap."""

    text: str
    blocks: tuple[TextBlock, ...]
    page_count: int | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class SegmentInput:
    """Normalised text of one segment (≤ 512 tokens) and the end of each of its sentences within it."""

    text: str
    sentence_ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SegmentScore:
    """Uncalibrated log-odds of AI for the segment and for each of its sentences, in order."""

    logit: float
    sentence_logits: tuple[float, ...]


class Scorer(Protocol):
    """What scores segments: the engine in production, a fake in tests. Order of results = order of inputs."""

    @property
    def model_name(self) -> str: ...

    @property
    def model_digest(self) -> str: ...

    def score(self, segments: Sequence[SegmentInput]) -> list[SegmentScore]: ...


@dataclass(frozen=True, slots=True)
class SentenceResult:
    start: int
    end: int
    p_ai: float
    verdict: Verdict
    characters: int  # of it that were scored


@dataclass(frozen=True, slots=True)
class ExcludedSpan:
    start: int
    end: int
    reason: BlockKind
    characters: int  # white space aside


@dataclass(frozen=True, slots=True)
class AttackFlag:
    """A manipulation undone by normalisation that looks deliberate."""

    kind: str  # zero_width, homoglyph, bidi_control, spaced_characters
    count: int


@dataclass(frozen=True, slots=True)
class DetectionResult:
    """One document's outcome, as stored in a report. `p_ai` is calibrated; `shares` sum to 1."""

    verdict: Verdict
    p_ai: float
    characters: int  # scored
    characters_excluded: int
    shares: dict[str, float]  # verdict -> share of scored characters: human, ai, inconclusive (and polished)
    sentences: tuple[SentenceResult, ...]
    excluded: tuple[ExcludedSpan, ...]
    attack_flags: tuple[AttackFlag, ...]
    length_band: str
    tolerated_fpr: float
    threshold: float  # on p_ai, for this band and tolerated_fpr
    fpr_upper_bound: float  # 95 % upper bound of the false-positive rate at that threshold
    calibration_texts: int  # human texts behind the threshold
    model_name: str
    model_digest: str
    calibration_digest: str
    reasons: tuple[str, ...] = ()  # stable codes why inconclusive: too_short, between_thresholds, …
