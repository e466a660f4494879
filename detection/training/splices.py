"""Documents of a human and an AI part under one title, and which of their sentences are whose."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detection.scoring.prepare import PreparedDocument
from detection.scoring.statistics import Booleans
from detection.training.texts import AI, HUMAN, CorpusText

_LEAST_PART, _MOST_PART = 150, 600
_PAPER_CHAPTERS, _CHAPTER_CHARACTERS = 6, 1600


@dataclass(frozen=True, slots=True)
class Splice:
    text: str
    ai_spans: tuple[tuple[int, int], ...]  # code points of the parts a model wrote
    group: str

    def sentence_labels(self, prepared: PreparedDocument) -> Booleans:
        """For each sentence whether most of it is AI."""
        return np.array([self._ai_share(s.start, s.end) > 0.5 for s in prepared.sentences], dtype=np.bool_)

    def _ai_share(self, start: int, end: int) -> float:
        inside = sum(max(0, min(end, b) - max(start, a)) for a, b in self.ai_spans)
        return inside / max(end - start, 1)


def splices(texts: Sequence[CorpusText], *, count: int, seed: int) -> list[Splice]:
    """Up to `count`, one of each title that has texts of both; two parts or, every third time, three."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, no secret
    by_pair: defaultdict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for text in texts:
        if text.pair and len(text.text) >= _LEAST_PART:
            by_pair[text.group][text.label].append(text.text)
    both = [group for group, sides in by_pair.items() if sides[HUMAN] and sides[AI]]
    rng.shuffle(both)
    return [_splice(by_pair[group], group, rng) for group in both[:count]]


def papers(human: Sequence[str], ai: Sequence[str], *, count: int, seed: int) -> list[Splice]:
    """Up to `count` long papers in which human and AI chapters take turns; no text is used twice."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, no secret
    supply = {is_ai: rng.sample(texts, len(texts)) for is_ai, texts in ((False, human), (True, ai))}
    made = []
    for number in range(count):
        text, spans = "", []
        for chapter in range(_PAPER_CHAPTERS):
            is_ai = (chapter + number) % 2 == 0
            start = len(text)
            while len(text) < start + _CHAPTER_CHARACTERS and supply[is_ai]:
                text += supply[is_ai].pop().strip() + "\n"
            if is_ai:
                spans.append((start, len(text)))
        if all(supply.values()):
            made.append(Splice(text, tuple(spans), f"paper {number}"))
    return made


def _splice(sides: dict[str, list[str]], group: str, rng: random.Random) -> Splice:
    parts = [(_part(rng.choice(sides[label])), label == AI) for label in (HUMAN, AI)]
    rng.shuffle(parts)
    if rng.random() < 1 / 3:
        first, is_ai = parts[0]
        cut = first.find("。", len(first) // 2) + 1
        if 0 < cut < len(first):
            parts = [(first[:cut], is_ai), parts[1], (first[cut:], is_ai)]
    text, spans = "", []
    for content, is_ai in parts:
        if is_ai:
            spans.append((len(text), len(text) + len(content)))
        text += content + "\n"
    return Splice(text, tuple(spans), group)


def _part(text: str) -> str:
    """The beginning of a text, to the end of a sentence where there is one."""
    end = text.rfind("。", _LEAST_PART, _MOST_PART)
    return text[: end + 1] if end > 0 else text[:_MOST_PART]
