"""Everything a report page shows, worked out of a stored report and, unless it was erased, its text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.safestring import SafeString
from django_stubs_ext import StrOrPromise

from detection.models import Detection, Report
from detection.reports.marked_text import marked_text
from detection.reports.passages import Bar, Part, Passage, excerpt, parts, passages, stacked, strip
from detection.reports.scale import ProbabilityScale, probability_scale
from detection.reports.wording import (
    ATTACKS,
    EXCLUSIONS,
    INCONCLUSIVE_REASONS,
    VERDICTS,
    AttackWording,
    VerdictWording,
    percentages_told_apart,
)
from detection.scoring.genre import Genre
from detection.scoring.types import BlockKind, ExcludedSpan, SentenceResult, Verdict
from detection.scoring.verdict import was_scored

LONG_TEXT_CHARACTERS = 30_000
ACCUSING = (Verdict.AI, Verdict.POLISHED)


def report_number(detection: Detection) -> str:
    """What is written on the sheet and can be searched for."""
    return f"ZW{detection.created_at:%Y%m%d}-{detection.id.hex[:12].upper()}"


@dataclass(frozen=True, slots=True)
class Row:
    """A passage in the table of passages."""

    passage: Passage
    share: float  # of the scored characters
    excerpt: str


@dataclass(frozen=True, slots=True)
class ExclusionRow:
    label: StrOrPromise
    count: int
    characters: int


@dataclass(frozen=True, slots=True)
class AttackRow:
    wording: AttackWording
    count: int


class ReportSheet:
    """The parts of one report, made when a page asks for them."""

    def __init__(self, *, report: Report, text: str | None) -> None:
        self.report = report
        self.text = text
        self.sentences = [
            SentenceResult(s["start"], s["end"], s["p_ai"], Verdict(s["verdict"]), _characters(s))
            for s in report.sentences
        ]
        self.excluded = [
            ExcludedSpan(span["start"], span["end"], BlockKind(span["reason"]), _characters(span))
            for span in report.excluded
        ]

    @cached_property
    def wording(self) -> VerdictWording:
        return VERDICTS[Verdict(self.report.verdict)]

    @cached_property
    def reasons(self) -> list[StrOrPromise]:
        return [INCONCLUSIVE_REASONS[code] for code in self.report.reasons if code in INCONCLUSIVE_REASONS]

    @cached_property
    def is_scored(self) -> bool:
        return was_scored(self.report.reasons)

    @cached_property
    def ai_share(self) -> float:
        """Of the scored characters; polished text is named apart and does not count."""
        return float(self.report.shares.get(Verdict.AI.value, 0))

    @cached_property
    def ai_characters(self) -> int:
        return round(self.ai_share * self.report.characters)

    @cached_property
    def band(self) -> str:
        return _band_name(self.report.length_band)

    @cached_property
    def is_legal(self) -> bool:
        """Compared with human legal texts only."""
        return self.report.length_band.startswith(Genre.LEGAL)

    @cached_property
    def scale(self) -> ProbabilityScale:
        return probability_scale(p_ai=self.report.p_ai, threshold=self.report.threshold)

    @cached_property
    def probability_and_line(self) -> tuple[str, str]:
        """What decides, in words: a probability just above the line must not read as being the line."""
        return percentages_told_apart(self.report.p_ai, self.report.threshold)

    @cached_property
    def shares(self) -> tuple[Bar, ...]:
        return stacked(self.report.shares)

    @cached_property
    def parts(self) -> list[Part]:
        return parts(self.sentences)

    @cached_property
    def passages(self) -> list[Passage]:
        return passages(self.sentences)

    @cached_property
    def strip(self) -> list[Bar]:
        return strip(self.passages, self.excluded)

    @cached_property
    def accusing_rows(self) -> list[Row]:
        total = max(sum(passage.characters for passage in self.passages), 1)
        return [
            Row(
                passage,
                passage.characters / total,
                excerpt(self.text, passage, self.sentences) if self.text else "",
            )
            for passage in self.passages
            if passage.verdict in ACCUSING
        ]

    @cached_property
    def exclusion_rows(self) -> list[ExclusionRow]:
        """Per reason, the largest first."""
        counts: Counter[BlockKind] = Counter()
        characters: Counter[BlockKind] = Counter()
        for span in self.excluded:
            counts[span.reason] += 1
            characters[span.reason] += span.characters
        return [
            ExclusionRow(EXCLUSIONS[reason], counts[reason], number)
            for reason, number in characters.most_common()
        ]

    @cached_property
    def attack_rows(self) -> list[AttackRow]:
        return [
            AttackRow(ATTACKS[flag["kind"]], flag["count"])
            for flag in self.report.attack_flags
            if flag["kind"] in ATTACKS
        ]

    @property
    def is_long(self) -> bool:
        return len(self.text or "") > LONG_TEXT_CHARACTERS

    @cached_property
    def marked_text(self) -> SafeString | None:
        return None if self.text is None else marked_text(self.text, self.sentences, self.excluded)


def _characters(span: dict[str, Any]) -> int:
    """As counted when it was scored; the first reports had the offsets alone."""
    return int(span.get("characters", span["end"] - span["start"]))


def _band_name(band: str) -> str:
    length = band.rpartition(" ")[2]
    return f"≥ {length.removesuffix('+')}" if length.endswith("+") else length.replace("-", "–")
