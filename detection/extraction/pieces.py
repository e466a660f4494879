"""The pieces a reader makes of a file, and the one document they become."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from detection.extraction.cues import fits_heading
from detection.extraction.errors import ErrorCode, ExtractionError
from detection.extraction.limits import ExtractionLimits
from detection.scoring.types import BlockKind, ExtractedDocument, TextBlock

# Between two blocks stands one line feed that belongs to neither.
SEPARATOR = "\n"
TITLE_CHARACTERS = 255

_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_LINE = re.compile(r"[^\s](?:[^\n]*[^\s])?")
_UNSTORABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Piece:
    """One paragraph, row or line group, in reading order."""

    text: str
    kind: BlockKind = BlockKind.PROSE


def clean(text: str) -> str:
    """Line ends become line feeds; NULs, other controls and lone surrogates, which no database stores, go.

    Zero-width and direction marks stay: the scoring must see them.
    """
    return _UNSTORABLE.sub("", _LINE_END.sub("\n", text))


def clean_in_place(text: str) -> str:
    """As `clean`, but of the same length, so that offsets hold for the text as it was sent."""
    if text.replace("\n", "").isprintable():  # ten times as quick to see, and true of most
        return text
    text = _LINE_END.sub(lambda end: "\n".rjust(len(end[0])), text)
    return _UNSTORABLE.sub("\ufffd", text)


def check_length(text: str, limits: ExtractionLimits) -> None:
    if len(text) > limits.characters:
        raise ExtractionError(ErrorCode.TOO_LONG, limit_characters=limits.characters)


def lines_of(text: str) -> ExtractedDocument:
    """A text without layout, kept as it is, with one block for each line that is not blank."""
    blocks = tuple(TextBlock(line.start(), line.end()) for line in _LINE.finditer(text))
    if not blocks:
        raise ExtractionError(ErrorCode.EMPTY_TEXT)
    first = text[blocks[0].start : blocks[0].end]
    return ExtractedDocument(text, blocks, title=first if len(blocks) > 1 and fits_heading(first) else None)


def assemble(
    pieces: Iterable[Piece],
    *,
    limits: ExtractionLimits,
    page_count: int | None = None,
    title: str | None = None,
) -> ExtractedDocument:
    """One text of all pieces that are not blank, and a block for each."""
    texts: list[str] = []
    blocks: list[TextBlock] = []
    position = 0
    for piece in pieces:
        text = clean(piece.text).strip()
        if not text:
            continue
        blocks.append(TextBlock(position, position + len(text), piece.kind))
        texts.append(text)
        position += len(text) + len(SEPARATOR)
    text = SEPARATOR.join(texts)
    check_length(text, limits)
    if not text:
        raise ExtractionError(ErrorCode.EMPTY_TEXT)
    short_title = clean(title).replace("\n", " ").strip()[:TITLE_CHARACTERS] if title else None
    return ExtractedDocument(text, tuple(blocks), page_count, short_title or None)
