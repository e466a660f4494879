"""From a document to the segments a model scores, without losing the way back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from detection.scoring.exclusions import classified
from detection.scoring.genre import Genre, genre_of
from detection.scoring.language import language_of
from detection.scoring.normalise import Normalised, Origins, normalise
from detection.scoring.segments import Span, bounded_sentences, grouped
from detection.scoring.sentences import sentence_ends
from detection.scoring.types import (
    AttackFlag,
    BlockKind,
    ExcludedSpan,
    ExtractedDocument,
    SegmentInput,
    TextBlock,
)

EDITION = 2  # one more whenever some text is read or cut otherwise: remembered answers are then asked anew
LEAST_WRAPPED_LINE_CHARACTERS = 20

_LINE = re.compile(r"[^\r\n\x0b\x0c\x85\u2028\u2029]*(?:\r\n|[\r\n\x0b\x0c\x85\u2028\u2029])?")
_FINISHED = re.compile(r"[。！？；…!?;.:：”\"'）)」』]\s*$")
_WORD = re.compile(r"[^\W_]")


@dataclass(frozen=True, slots=True)
class PreparedSentence:
    """Code points `start` to `end` of the original; `characters` counts what was scored, no white space."""

    start: int
    end: int
    characters: int


@dataclass(frozen=True, slots=True)
class PreparedDocument:
    """`sentences` run through all segments in order: segment 0's first, then segment 1's, and so on."""

    segments: tuple[SegmentInput, ...]
    sentences: tuple[PreparedSentence, ...]
    excluded: tuple[ExcludedSpan, ...]
    attack_flags: tuple[AttackFlag, ...]
    characters: int  # scored: normalised, white space aside, so that hidden characters make no text longer
    characters_excluded: int
    language: str  # as `language_of` names it
    genre: Genre = Genre.GENERAL


def plain_document(text: str) -> ExtractedDocument:
    """A pasted text as a document: one block per line."""
    blocks = tuple(TextBlock(m.start(), m.end()) for m in _LINE.finditer(text) if m.end() > m.start())
    return ExtractedDocument(text=text, blocks=blocks)


def prepare(document: ExtractedDocument) -> PreparedDocument:
    """Exclude what is no prose, normalise the rest, cut it into segments. No segment if nothing is left."""
    blocks = classified(document)
    prose = [b for b in blocks if b.kind is BlockKind.PROSE and _WORD.search(document.text, b.start, b.end)]
    normalised, origins = _normalised_prose(document.text, prose)
    ends = sorted({*sentence_ends(normalised.text), *_paragraph_ends(document.text, prose, origins)})
    groups = grouped(normalised.text, bounded_sentences(normalised.text, ends))
    sentences = _sentences(normalised.text, origins, [span for group in groups for span in group])
    excluded = tuple(_excluded(document.text, b) for b in blocks if b.kind is not BlockKind.PROSE)
    return PreparedDocument(
        segments=tuple(_segment(normalised.text, group) for group in groups),
        sentences=sentences,
        excluded=excluded,
        attack_flags=normalised.attack_flags,
        characters=sum(sentence.characters for sentence in sentences),
        characters_excluded=sum(span.characters for span in excluded),
        language=language_of(normalised.text),
        genre=genre_of(normalised.text),
    )


def _excluded(text: str, block: TextBlock) -> ExcludedSpan:
    characters = len("".join(text[block.start : block.end].split()))
    return ExcludedSpan(block.start, block.end, block.kind, characters)


def _normalised_prose(text: str, prose: Sequence[TextBlock]) -> tuple[Normalised, Origins]:
    """All prose as one normalised text, and for each of its characters the code point of the document."""
    joined = "\n".join(text[block.start : block.end] for block in prose)
    normalised = normalise(joined)
    if not prose:
        return normalised, normalised.origins
    # After each block stands the joining line feed; what becomes of it belongs to the end of the block.
    way_back = np.concatenate([np.minimum(np.arange(b.start, b.end + 1), b.end - 1) for b in prose])
    return normalised, way_back[normalised.origins]


def _paragraph_ends(text: str, prose: Sequence[TextBlock], origins: Origins) -> list[int]:
    """Where a block ends a sentence although no mark says so; the lines of a wrapped paragraph do not."""
    last = [b.end - 1 for b, following in pairwise(prose) if not _is_wrapped(text, b, following)]
    positions = np.searchsorted(origins, last, side="right").tolist()
    return [position for position in positions if 0 < position < len(origins)]


def _is_wrapped(text: str, block: TextBlock, following: TextBlock) -> bool:
    between = text[block.end : following.start].replace("\r\n", "\n")
    line = text[block.start : block.end]
    is_next_line = len(between.strip(" \t\u3000")) <= 1
    return is_next_line and len(line) >= LEAST_WRAPPED_LINE_CHARACTERS and not _FINISHED.search(line)


def _segment(text: str, sentences: Sequence[Span]) -> SegmentInput:
    start = sentences[0][0]
    return SegmentInput(
        text=text[start : sentences[-1][1]].rstrip(" "),
        sentence_ends=tuple(end - start - (text[end - 1] == " ") for _, end in sentences),
    )


def _sentences(text: str, origins: Origins, spans: Sequence[Span]) -> tuple[PreparedSentence, ...]:
    """In normalised text all white space is a space."""
    firsts = [start for start, _ in spans]
    lasts = [start + max(len(text[start:end].rstrip(" ")), 1) - 1 for start, end in spans]
    characters = [end - start - text.count(" ", start, end) for start, end in spans]
    places = zip(origins[firsts].tolist(), (origins[lasts] + 1).tolist(), characters, strict=True)
    return tuple(PreparedSentence(*place) for place in places)
