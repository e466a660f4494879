"""Cutting normalised prose into what the model reads at once."""

from __future__ import annotations

import re
from collections.abc import Sequence

TARGET_CHARACTERS = 400
# A token of the shipped tokenizer is never shorter than a character, and 512 tokens include two special ones.
MOST_CHARACTERS = 510
LEAST_CHARACTERS = 120

_PAUSE = re.compile(r"[，、,：: ）)》]")

Span = tuple[int, int]


def bounded_sentences(text: str, ends: Sequence[int]) -> list[Span]:
    """Sentences as (start, end), at most `TARGET_CHARACTERS` long; longer ones are cut, best at a pause."""
    spans: list[Span] = []
    start = 0
    for end in ends:
        while end - start > TARGET_CHARACTERS:
            cut = _cut_near(text, start + TARGET_CHARACTERS)
            spans.append((start, cut))
            start = cut
        if start < end:
            spans.append((start, end))
        start = end
    return spans


def grouped(sentences: Sequence[Span]) -> list[list[Span]]:
    """Neighbouring sentences joined to about `TARGET_CHARACTERS`, never over `MOST_CHARACTERS`."""
    segments: list[list[Span]] = []
    for sentence in sentences:
        if segments and _belongs(segments[-1], sentence):
            segments[-1].append(sentence)
        else:
            segments.append([sentence])
    if len(segments) > 1 and _length(segments[-1]) < LEAST_CHARACTERS:
        segments[-2:] = _shared_out(segments[-2] + segments[-1])
    return segments


def _belongs(segment: Sequence[Span], sentence: Span) -> bool:
    """Whether taking the sentence in brings the segment nearer to its target than stopping here."""
    length, added = _length(segment), sentence[1] - sentence[0]
    return length + added <= MOST_CHARACTERS and length + added / 2 <= TARGET_CHARACTERS


def _shared_out(sentences: list[Span]) -> list[list[Span]]:
    """One segment if they fit into one, else two as equal as the sentences allow."""
    if _length(sentences) <= MOST_CHARACTERS:
        return [sentences]
    cuts = range(1, len(sentences))
    best = min(cuts, key=lambda cut: max(_length(sentences[:cut]), _length(sentences[cut:])))
    return [sentences[:best], sentences[best:]]


def _length(sentences: Sequence[Span]) -> int:
    return sentences[-1][1] - sentences[0][0]


def _cut_near(text: str, limit: int) -> int:
    window_start = limit - 100
    pauses = list(_PAUSE.finditer(text, window_start, limit))
    return pauses[-1].end() if pauses else limit
