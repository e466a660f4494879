"""Which stretches of a document are the author's running prose, and what the rest is.

Extraction has already named what the file itself names (headings, tables). This adds what only the words
give away. No cue may swallow a document: sections that turn out to hold prose are scored after all, so that a
heading "References" above the first line hides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from detection.scoring import cues
from detection.scoring.types import BlockKind, ExtractedDocument, TextBlock

LEAST_QUOTATION_CHARACTERS = 40
MOST_QUOTED_SHARE = 0.3  # above it the quotations are the author's own: dialogue, or a text in disguise
MOST_ACKNOWLEDGEMENT_CHARACTERS = 2000
COVER_LINES = 60
LEAST_CODE_LINES = 2
LEAST_LIST_ITEMS = 3

_QUOTATION = re.compile(
    rf"“[^“”\n]{{{LEAST_QUOTATION_CHARACTERS},2000}}”|「[^「」\n]{{{LEAST_QUOTATION_CHARACTERS},2000}}」"
)
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_SENTENCE_END = re.compile(r"[。！？；.!?;…][”\"'）)」』]*$")


def classified(document: ExtractedDocument) -> list[TextBlock]:
    """The blocks of a document, each of one final kind, in order; blank ones left out."""
    return _split_inner_quotations(document.text, _by_line(document))


def _by_line(document: ExtractedDocument) -> list[TextBlock]:
    text = document.text
    blocks = [trimmed for block in document.blocks if (trimmed := _trimmed(text, block))]
    lines = [text[block.start : block.end] for block in blocks]
    kinds = _kinds(blocks, lines)
    _mark_code(lines, kinds)
    _unmark_lists(blocks, lines, kinds)
    _mark_lone_headings(lines, kinds)
    return [TextBlock(b.start, b.end, kind) for b, kind in zip(blocks, kinds, strict=True)]


def _trimmed(text: str, block: TextBlock) -> TextBlock | None:
    content = text[block.start : block.end]
    start = block.start + len(content) - len(content.lstrip())
    end = block.start + len(content.rstrip())
    return TextBlock(start, end, block.kind) if start < end else None


def _kinds(blocks: Sequence[TextBlock], lines: Sequence[str]) -> list[BlockKind]:
    kinds: list[BlockKind] = []
    section = BlockKind.PROSE
    acknowledged_characters = 0
    for number, (block, line) in enumerate(zip(blocks, lines, strict=True)):
        opened = cues.section_of(line)
        if opened is not None and block.kind in (BlockKind.PROSE, BlockKind.HEADING):
            section, acknowledged_characters = opened, 0
            kinds.append(BlockKind.HEADING if opened is BlockKind.PROSE else opened)
            continue
        if block.kind is not BlockKind.PROSE:
            kinds.append(block.kind)
            section = BlockKind.PROSE if block.kind is BlockKind.HEADING else section
            continue
        if section is BlockKind.ACKNOWLEDGEMENT:
            acknowledged_characters += len(line)
        kind = _kind_within(section, line, acknowledged_characters, number)
        if kind in (BlockKind.PROSE, BlockKind.HEADING):
            section = BlockKind.PROSE if section is not BlockKind.REFERENCE else section
        kinds.append(kind)
    return kinds


def _kind_within(section: BlockKind, line: str, acknowledged_characters: int, number: int) -> BlockKind:
    if section is BlockKind.REFERENCE and cues.could_be_reference(line):
        return BlockKind.REFERENCE
    if section is BlockKind.CONTENTS and cues.is_contents_line(line):
        return BlockKind.CONTENTS
    if number < COVER_LINES and cues.is_cover_line(line):
        return BlockKind.COVER
    own = cues.line_kind(line)
    if section is BlockKind.ACKNOWLEDGEMENT and own is not BlockKind.HEADING:
        within = acknowledged_characters <= MOST_ACKNOWLEDGEMENT_CHARACTERS
        return BlockKind.ACKNOWLEDGEMENT if within else BlockKind.PROSE
    return own or BlockKind.PROSE


def _mark_code(lines: Sequence[str], kinds: list[BlockKind]) -> None:
    """Fenced lines, and runs of lines that read like a program."""
    fences = [i for i, line in enumerate(lines) if _FENCE.match(line) and line.count("```") < 2]
    for opening, closing in zip(fences[::2], fences[1::2], strict=False):
        kinds[opening : closing + 1] = [BlockKind.CODE] * (closing + 1 - opening)
    run: list[int] = []
    for i, line in enumerate([*lines, ""]):
        if line and cues.is_code(line):
            run.append(i)
            continue
        if len(run) >= LEAST_CODE_LINES:
            for j in run:
                kinds[j] = BlockKind.CODE
        run = []


def _unmark_lists(blocks: Sequence[TextBlock], lines: Sequence[str], kinds: list[BlockKind]) -> None:
    """Numbered lines in a row are a list, which the author wrote, and no headings."""

    def is_item(i: int) -> bool:
        return kinds[i] is BlockKind.HEADING and cues.is_list_item(lines[i])

    for are_items, run in groupby(range(len(kinds)), key=is_item):
        items = list(run)
        if are_items and len(items) >= LEAST_LIST_ITEMS:
            for i in items:
                kinds[i] = blocks[i].kind


def _mark_lone_headings(lines: Sequence[str], kinds: list[BlockKind]) -> None:
    """A short line without any mark of a sentence, between a finished paragraph and a long one."""
    finished = True
    for i, line in enumerate(lines[:-1]):
        is_short = len(line) <= cues.LONGEST_HEADING_CHARACTERS and not cues.is_sentence_like(line)
        is_before_prose = kinds[i + 1] is BlockKind.PROSE and len(lines[i + 1]) >= max(40, 2 * len(line))
        if kinds[i] is BlockKind.PROSE and finished and is_short and is_before_prose:
            kinds[i] = BlockKind.HEADING
        finished = kinds[i] is not BlockKind.PROSE or bool(_SENTENCE_END.search(line))


def _split_inner_quotations(text: str, blocks: Sequence[TextBlock]) -> list[TextBlock]:
    prose = [block for block in blocks if block.kind is BlockKind.PROSE]
    quotations = {
        block.start: [match.span() for match in _QUOTATION.finditer(text, block.start, block.end)]
        for block in prose
    }
    quoted = sum(end - start for spans in quotations.values() for start, end in spans)
    if not quoted or quoted > MOST_QUOTED_SHARE * sum(block.end - block.start for block in prose):
        return list(blocks)
    return [
        part
        for block in blocks
        for part in (_cut_out(block, quotations[block.start]) if block.kind is BlockKind.PROSE else (block,))
    ]


def _cut_out(block: TextBlock, spans: Iterable[tuple[int, int]]) -> Iterable[TextBlock]:
    position = block.start
    for start, end in spans:
        if position < start:
            yield TextBlock(position, start)
        yield TextBlock(start, end, BlockKind.QUOTATION)
        position = end
    if position < block.end:
        yield TextBlock(position, block.end)
