"""Markdown -> pieces whose text is what a reader would see: no marks, links reduced to their words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from detection.extraction import cues
from detection.extraction.pieces import Piece
from detection.scoring.types import BlockKind

FORMULA_LINES = 40

# Lines.
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}(?=\s+\S)")
_QUOTATION = re.compile(r" {0,3}>")
_TABLE_ROW = re.compile(r"\|.*\|")
_TABLE_RULE = re.compile(r"(?=[^|]*\|)[-:| \t]{3,}")
_FORMULA_ENDS = {"$$": "$$", "\\[": "\\]"}
_ITEM = re.compile(r"\s*(?:[-*+•·]\s|\d{1,3}[.)、．]|[（(]\d{1,3}[)）]|\[\d{1,3}\]|[①-⑳])")
_INDENTED = re.compile(r"\u3000| {4}|\t")
_RULE = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})")

# Whole text and within lines. Repetitions are bounded: a hostile text must not take quadratic time.
_METADATA = re.compile(r"---\n(?:[^\n]{0,500}\n){0,200}?---\n")
_DEFINITION = re.compile(r"^ {0,3}\[[^\[\]\n]{1,100}\]:[ \t]+\S+.*$", re.MULTILINE)
_IMAGE = re.compile(r"!\[([^\[\]\n]{0,300})\]\([^()\n]{0,2000}\)")
_LINK = re.compile(r"\[([^\[\]\n]{1,500})\](?:\([^()\n]{0,2000}\)|\[[^\[\]\n]{0,100}\])")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]{1,2000})>")
_TAG = re.compile(
    r"</?(?:a|b|i|u|em|strong|br|p|div|span|sup|sub|font|center|hr|img|h[1-6])\b[^<>\n]{0,500}>", re.I
)
_LINE_START = re.compile(r"^[ \t]{0,3}(?:#{1,6}[ \t]+|(?:>[ \t]?)+)", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*[-*+][ \t]+(?:\[[ xX]\][ \t]+)?", re.MULTILINE)
_EMPHASIS = re.compile(r"(\*{1,3}|~~|(?<!\w)_{1,3})(?=\S)([^*_~\n]{1,500}?)(?<=\S)\1")
_CODE_SPAN = re.compile(r"(?<!`)(`{1,3})([^`\n]{1,500})\1(?!`)")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|>~])")


def read_markdown(text: str) -> list[Piece]:
    """Pieces of a Markdown text with line feeds only."""
    text = _METADATA.sub("", text, count=1) if text.startswith("---\n") else text
    text = _DEFINITION.sub("", _without_comments(text))
    return [Piece(_seen(piece), piece.kind) for piece in _blocks(text.split("\n"))]


@dataclass
class _Reader:
    """Groups lines: a paragraph's, a quotation's, a table's."""

    unclosed_fences: set[str] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    kind: BlockKind = BlockKind.PROSE

    def flush(self) -> Iterator[Piece]:
        if self.lines:
            yield Piece("\n".join(self.lines), self.kind)
            self.lines = []

    def take(self, line: str, kind: BlockKind) -> Iterator[Piece]:
        begins = _ITEM.match(line) or _INDENTED.match(line) if kind is BlockKind.PROSE else None
        if begins or kind is not self.kind or kind is BlockKind.HEADING:
            yield from self.flush()
        self.kind = kind
        self.lines.append(line)

    def end_of_code(self, lines: list[str], index: int) -> int:
        """Past the line that closes the fence opening here; 0 if none opens, or none closes it."""
        fence = _FENCE.match(lines[index])
        if not fence or fence[1][0] in self.unclosed_fences:
            return 0
        for end in range(index + 1, len(lines)):
            closing = lines[end].strip()
            if closing.startswith(fence[1]) and set(closing) == {fence[1][0]}:
                return end + 1
        # No reason to leave the rest of a document unread, nor to search it again.
        self.unclosed_fences.add(fence[1][0])
        return 0


def _blocks(lines: list[str]) -> Iterator[Piece]:
    reader = _Reader()
    index = 0
    while index < len(lines):
        line = lines[index]
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if end := reader.end_of_code(lines, index) or _end_of_formula(lines, index):
            yield from reader.flush()
            kind = BlockKind.CODE if _FENCE.match(line) else BlockKind.FORMULA
            yield Piece("\n".join(lines[index + 1 : end - 1]), kind)
            index = end
            continue
        if not line.strip() or _RULE.fullmatch(line):
            yield from reader.flush()
        elif _is_underlined(line, following):
            yield from reader.flush()
            yield Piece(line, BlockKind.HEADING)
            index += 1
        else:
            yield from reader.take(line, _kind_of_line(line, following))
        index += 1
    yield from reader.flush()


def _end_of_formula(lines: list[str], index: int) -> int:
    """Past the line that closes the display formula opening here; 0 if none opens."""
    closing = _FORMULA_ENDS.get(lines[index].strip())
    for end in range(index + 1, min(index + FORMULA_LINES, len(lines))):
        if lines[end].strip() == closing:
            return end + 1
    return 0


def _kind_of_line(line: str, following: str) -> BlockKind:
    if _HEADING.match(line):
        return BlockKind.HEADING
    if _QUOTATION.match(line):
        return BlockKind.QUOTATION
    line = line.strip()
    is_over_rule = "|" in line and _TABLE_RULE.fullmatch(following.strip())
    if is_over_rule or _TABLE_ROW.fullmatch(line) or _TABLE_RULE.fullmatch(line):
        return BlockKind.TABLE
    if len(line) > 4 and line.startswith(("$$", "\\[")) and line.endswith(("$$", "\\]")):
        return BlockKind.FORMULA
    return BlockKind.PROSE


def _is_underlined(line: str, following: str) -> bool:
    """A heading the old way, over a line of equals signs or hyphens."""
    underline = following.strip()
    is_rule = len(underline) >= 3 and set(underline) in ({"="}, {"-"})
    return is_rule and not line.lstrip().startswith((">", "#")) and cues.fits_heading(line.strip())


def _seen(piece: Piece) -> str:
    """The words of a piece without their marks."""
    text = piece.text
    if piece.kind is BlockKind.CODE:
        return text
    if piece.kind is BlockKind.FORMULA:
        return text.strip().removeprefix("$$").removesuffix("$$")
    if piece.kind is BlockKind.TABLE:
        rows = [row for row in text.split("\n") if set(row) - set("-:| \t")]
        text = "\n".join(
            "\t".join(cell.strip() for cell in row.strip().strip("|").split("|")) for row in rows
        )
    text = _BULLET.sub("", _LINE_START.sub("", text))
    if piece.kind is BlockKind.HEADING:
        text = text.rstrip().rstrip("#")
    return _without_marks(text)


def _without_comments(text: str) -> str:
    kept: list[str] = []
    position = 0
    while (start := text.find("<!--", position)) >= 0 and (end := text.find("-->", start)) >= 0:
        kept.append(text[position:start])
        position = end + len("-->")
    return "".join(kept) + text[position:]


def _without_marks(text: str) -> str:
    for pattern in (_IMAGE, _LINK, _AUTOLINK):
        text = pattern.sub(r"\1", text)
    text = _TAG.sub("", text)
    for _ in range(3):  # bold within italics
        text = _EMPHASIS.sub(r"\2", text)
    return _ESCAPE.sub(r"\1", _CODE_SPAN.sub(r"\2", text))
