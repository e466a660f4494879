"""Sentences gathered into passages, and where in the paper they stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from django_stubs_ext import StrOrPromise

from detection.reports.wording import SENTENCE_LABELS
from detection.scoring.types import ExcludedSpan, SentenceResult, Verdict

STRIP_WIDTH = 1000
LEAST_STRIP_WIDTH = 1.5
EXCERPT_CHARACTERS = 48
# The three parts that a paper is looked at in: 20 %, 60 %, 20 % of what was scored.
PART_ENDS = (0.2, 0.8, 1.0)


@dataclass(frozen=True, slots=True)
class Passage:
    """Neighbouring sentences of one verdict; `first_sentence` is its number, from 0."""

    verdict: Verdict
    start: int
    end: int
    characters: int
    p_ai: float
    first_sentence: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a bar or strip that is `STRIP_WIDTH` wide."""

    kind: str
    x: float
    width: float
    share: float = 0
    label: StrOrPromise = ""
    first_sentence: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    characters: int
    ai_share: float
    bars: tuple[Bar, ...]


def passages(sentences: Sequence[SentenceResult]) -> list[Passage]:
    numbered = enumerate(sentences)
    return [_passage(list(group)) for _, group in groupby(numbered, key=lambda item: item[1].verdict)]


def _passage(group: list[tuple[int, SentenceResult]]) -> Passage:
    sentences = [sentence for _, sentence in group]
    characters = sum(sentence.characters for sentence in sentences)
    weighted = sum(sentence.p_ai * sentence.characters for sentence in sentences)
    return Passage(
        verdict=sentences[0].verdict,
        start=sentences[0].start,
        end=sentences[-1].end,
        characters=characters,
        p_ai=weighted / max(characters, 1),
        first_sentence=group[0][0],
    )


def strip(found: Sequence[Passage], excluded: Sequence[ExcludedSpan]) -> list[Bar]:
    """The whole document from beginning to end. Narrow stretches are widened so that they can be seen."""
    length = max([1, *(passage.end for passage in found), *(span.end for span in excluded)])
    scale = STRIP_WIDTH / length
    bars = [
        Bar("excluded", round(span.start * scale, 1), _width((span.end - span.start) * scale))
        for span in excluded
    ]
    bars += [
        Bar(
            passage.verdict.value,
            round(passage.start * scale, 1),
            _width((passage.end - passage.start) * scale),
            first_sentence=passage.first_sentence,
        )
        # What accuses is drawn last, so that nothing widened hides it.
        for passage in sorted(found, key=lambda passage: passage.verdict in (Verdict.AI, Verdict.POLISHED))
    ]
    return bars


def _width(width: float) -> float:
    return round(max(width, LEAST_STRIP_WIDTH), 1)


def stacked(shares: dict[str, float]) -> tuple[Bar, ...]:
    """Shares of 1 side by side, in the order in which people read them: human first."""
    order = [verdict.value for verdict in (Verdict.HUMAN, Verdict.INCONCLUSIVE, Verdict.POLISHED, Verdict.AI)]
    bars, x = [], 0.0
    for kind in order:
        share = shares.get(kind, 0.0)
        if share > 0:
            bars.append(Bar(kind, round(x, 1), round(share * STRIP_WIDTH, 1), share, SENTENCE_LABELS[kind]))
            x += share * STRIP_WIDTH
    return tuple(bars)


def parts(sentences: Sequence[SentenceResult]) -> list[Part]:
    """Front, middle and back of what was scored.

    A sentence across a border counts on both sides of it, with the characters that stand there, so that each
    part is as long as its name says.
    """
    total = sum(sentence.characters for sentence in sentences)
    borders = [0, *(round(end * total) for end in PART_ENDS)]
    counts: list[Counter[str]] = [Counter() for _ in PART_ENDS]
    done = 0
    for sentence in sentences:
        begin, done = done, done + sentence.characters
        for count, (left, right) in zip(counts, pairwise(borders), strict=True):
            count[sentence.verdict] += max(0, min(done, right) - max(begin, left))
    return [_part(count) for count in counts]


def _part(count: Counter[str]) -> Part:
    characters = count.total()
    shares = {verdict: number / max(characters, 1) for verdict, number in count.items()}
    return Part(characters, shares.get(Verdict.AI, 0.0), stacked(shares))


def excerpt(text: str, passage: Passage, sentences: Sequence[SentenceResult]) -> str:
    """The first words of its sentences; what was left out between them is no part of it."""
    line = ""
    for sentence in sentences[passage.first_sentence :]:
        if sentence.end > passage.end or len(line) > EXCERPT_CHARACTERS:
            break
        line += " ".join(text[sentence.start : sentence.end].split())
    return line if len(line) <= EXCERPT_CHARACTERS else f"{line[:EXCERPT_CHARACTERS]}…"
