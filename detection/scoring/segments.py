"""Cutting normalised prose into what the model reads at once."""

from __future__ import annotations

import re
import zlib
from bisect import bisect
from collections.abc import Sequence

# A longer sentence is cut into parts: a text without punctuation would have none to be looked at.
SENTENCE_CHARACTERS = 400
PART_CHARACTERS = 75
_PAUSE_DISTANCE = 35  # so far from there a part may end at a pause
# A token of the shipped tokenizer is never shorter than a character, and 512 tokens include two special ones.
MOST_CHARACTERS = 510
# Borders between segments keep this far apart where the sentences let them.
BORDER_DISTANCE = 240
TWO_SEGMENTS = 980  # what two segments hold, wherever the sentences between them end

_PAUSE = re.compile(r"[，、,：:）)》]+ *| +")

Span = tuple[int, int]


def bounded_sentences(text: str, ends: Sequence[int]) -> list[Span]:
    """Sentences as (start, end). One of more than `SENTENCE_CHARACTERS` comes in parts of about
    `PART_CHARACTERS`, at most twice as long, cut at a pause where one is near.
    """
    spans: list[Span] = []
    start = 0
    for end in ends:
        if end - start > SENTENCE_CHARACTERS:
            while end - start > 2 * PART_CHARACTERS:
                cut = _cut_near(text, start + PART_CHARACTERS)
                spans.append((start, cut))
                start = cut
        if start < end:
            spans.append((start, end))
        start = end
    return spans


def grouped(text: str, sentences: Sequence[Span]) -> list[list[Span]]:
    """Neighbouring sentences joined to segments of at most `MOST_CHARACTERS`.

    Where one ends is decided by the words around it alone: whoever changes a sentence of a long paper changes
    the segment it stands in, seldom the one beside it, and all others keep their cached scores.
    """
    if not sentences:
        return []
    borders = _borders(text, sentences)
    segments: list[list[Span]] = [[]]
    for sentence in sentences:
        if sentence[0] in borders:
            segments.append([])
        segments[-1].append(sentence)
    return [part for segment in segments for part in _parts(segment)]


def _borders(text: str, sentences: Sequence[Span]) -> set[int]:
    """Ends of sentences, the one with the lowest checksum first, until no stretch is too long.

    A border keeps its distance to both ends of the stretch it divides; a stretch that can be two segments
    becomes two.
    """
    checksums = [
        (zlib.crc32(text[start:end].encode("utf-8", "surrogatepass")), end) for start, end in sentences
    ]
    borders = [sentences[0][0], sentences[-1][1]]
    for _checksum, end in sorted(checksums[:-1]):
        place = bisect(borders, end)
        start, stop = borders[place - 1], borders[place]
        length = stop - start
        if length <= MOST_CHARACTERS:
            continue
        distance = max(BORDER_DISTANCE, length - MOST_CHARACTERS if length <= TWO_SEGMENTS else 0)
        if start + distance <= end <= stop - distance:
            borders.insert(place, end)
    return set(borders[1:-1])


def _parts(sentences: list[Span]) -> list[list[Span]]:
    """One segment if they fit into one, else two as equal as the sentences allow, and so on."""
    if _length(sentences) <= MOST_CHARACTERS:
        return [sentences]
    cuts = range(1, len(sentences))
    best = min(cuts, key=lambda cut: max(_length(sentences[:cut]), _length(sentences[cut:])))
    return _parts(sentences[:best]) + _parts(sentences[best:])


def _length(sentences: Sequence[Span]) -> int:
    return sentences[-1][1] - sentences[0][0]


def _cut_near(text: str, place: int) -> int:
    pauses = _PAUSE.finditer(text, place - _PAUSE_DISTANCE, place + _PAUSE_DISTANCE)
    return min((pause.end() for pause in pauses), key=lambda end: abs(end - place), default=place)
