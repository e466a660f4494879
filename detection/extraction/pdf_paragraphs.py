"""Lines of a PDF -> paragraphs: where one ends, how its lines join, and what it is."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from detection.extraction import cues
from detection.extraction.pdf_layout import Line
from detection.extraction.pdf_page import SOFT_HYPHEN, begins_wide, ends_wide
from detection.extraction.pieces import Piece
from detection.scoring.types import BlockKind

HEADING_GROWTH = 1.12  # larger than the body by this is a heading
SAME_SIZE = 0.08
SMALL_TYPE = 0.93  # of a note, relative to the body
NEW_PARAGRAPH_GAP = 1.45  # in usual line steps
INDENT_EMS = 1.2
CJK_SLACK_EMS = 2.3
UNFINISHED_SLACK_EMS = 4.5

_ITEM = re.compile(
    r"\s*(?:\[\d{1,3}\]|［\d{1,3}］|〔\d{1,3}〕|[（(]\d{1,3}[)）]|\d{1,3}[.、．)]\s*\D|[①-⑳•·●◆■▪➢])"
)
_REFERENCE_ITEM = re.compile(r"\s*[\[［〔]\d{1,3}[\]］〕]")
_NOTE = re.compile(
    r"\s*(?:[①-⑳*†‡]|\[\d{1,2}\]|[（(]\d{1,2}[)）]|\d{1,2}\s?[^\d\s.,%、．]|注\s*[:：\d]|收稿日期|基金项目|作者简介)"
)
_REFERENCES = re.compile(r"\d*[.、\s]*(?:参考文献|引用文献|参考资料|references|bibliography)", re.I)
_EQUATION = re.compile(r"[^\u4e00-\u9fff]+\t[（(]\s*\d{1,3}(?:[-.–]\d{1,3})?\s*[)）]")
_OPEN_NUMBER = re.compile(r"\d[.,:/–-]$")
_LAST_WORD = re.compile(r"[^\W\d_]+$")
_LOWER_WORD = re.compile(r"[a-z\u00df-\u00ff]+")
_COMPOUND = re.compile(r"\b[^\W\d_]+-[^\W\d_]+")
_FIRST_WORD = re.compile(r"[!-~\u00a1-\u024f]*")


@dataclass(frozen=True, slots=True)
class _Measures:
    """What is usual in this document."""

    body_size: float
    line_steps: dict[float, float]  # by size of type
    margins: dict[int, tuple[float, float]]  # region -> left and right edge of its text
    compounds: frozenset[str]  # words written with a hyphen in the middle of a line


def paragraphs(lines: list[Line]) -> list[Piece]:
    if not lines:
        return []
    measures = _measure(lines)
    notes = _notes(lines, measures)
    tables = _table_rows(lines)
    writer = _Writer(measures)
    for index, line in enumerate(lines):
        if index in notes:
            writer.note(line)
        elif index in tables:
            writer.table_row(line)
        else:
            writer.line(line)
    writer.finish()
    return writer.pieces


def body_size(lines: list[Line]) -> float:
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[_rounded(line.size)] += len(line.text)
    return sizes.most_common(1)[0][0]


def joined(before: str, after: str, compounds: frozenset[str] = frozenset()) -> str:
    """Two lines of one paragraph as one. `compounds` are words that keep a hyphen at the end of a line."""
    if before.endswith((SOFT_HYPHEN, "-", "‐")):
        first, second = _LAST_WORD.search(before[:-1]), _LOWER_WORD.match(after)
        if first and second:
            is_compound = f"{first[0]}-{second[0]}".lower() in compounds
            return f"{before[:-1]}{'-' if is_compound else ''}{after}"
        return before.replace(SOFT_HYPHEN, "-") + after
    if ends_wide(before) or begins_wide(after) or (_OPEN_NUMBER.search(before) and after[:1].isdecimal()):
        return before + after
    return f"{before} {after}"


@dataclass
class _Writer:
    """Takes lines in order; notes wait until the paragraph they interrupt is complete."""

    measures: _Measures
    pieces: list[Piece] = field(default_factory=list)
    current: list[Line] = field(default_factory=list)
    notes: list[Line] = field(default_factory=list)
    in_references: bool = False

    def line(self, line: Line) -> None:
        if self.current and self._begins_paragraph(line):
            self._flush()
        self.current.append(line)

    def note(self, line: Line) -> None:
        self.notes.append(line)

    def table_row(self, line: Line) -> None:
        self._flush()
        self.pieces.append(Piece(line.text, BlockKind.TABLE))

    def finish(self) -> None:
        self._flush()

    def _flush(self) -> None:
        if self.current:
            self.pieces.append(self._paragraph(self.current))
            self.current = []
        if self.notes:
            notes, self.notes = self.notes, []
            self._add_notes(notes)

    def _add_notes(self, notes: list[Line]) -> None:
        text = notes[0].text
        for line in notes[1:]:
            if _NOTE.match(line.text):
                self.pieces.append(Piece(text, BlockKind.FOOTNOTE))
                text = line.text
            else:
                text = joined(text, line.text)
        self.pieces.append(Piece(text, BlockKind.FOOTNOTE))

    def _paragraph(self, lines: list[Line]) -> Piece:
        if all(line.is_monospaced for line in lines):
            return Piece("\n".join(line.text for line in lines), BlockKind.CODE)
        text = lines[0].text
        for line in lines[1:]:
            text = joined(text, line.text, self.measures.compounds)
        kind = self._kind(text, lines)
        if len(lines) == 1 and cues.is_known_heading(text):
            self.in_references = _REFERENCES.fullmatch("".join(text.split())) is not None
        return Piece(text if kind is BlockKind.FORMULA else text.replace("\t", " "), kind)

    def _kind(self, text: str, lines: list[Line]) -> BlockKind:
        if len(lines) == 1 and _is_equation(text):
            return BlockKind.FORMULA
        if len(lines) == 1 and cues.is_contents_line(text):
            return BlockKind.CONTENTS
        is_large = lines[0].size >= HEADING_GROWTH * self.measures.body_size
        is_set_off = is_large or (lines[0].is_bold and len(lines) <= 2)
        return BlockKind.HEADING if is_set_off and cues.fits_heading(text) else BlockKind.PROSE

    def _begins_paragraph(self, line: Line) -> bool:
        before = self.current[-1]
        if line.is_monospaced != before.is_monospaced:
            return True
        if abs(line.size - before.size) > SAME_SIZE * before.size:
            return True
        is_heading = before.size >= HEADING_GROWTH * self.measures.body_size
        if line.region == before.region and self._is_far_below(before, line):
            return True
        if is_heading and line.region == before.region:
            return cues.is_section_heading(line.text)
        if line.is_bold != before.is_bold and (before.is_bold or cues.fits_heading(line.text)):
            return self._ends_short(before, line) or cues.is_section_heading(before.text)
        if line.is_monospaced:
            return False
        return self._begins_by_wording(before, line) or self._begins_by_edges(before, line)

    def _begins_by_wording(self, before: Line, line: Line) -> bool:
        if self.in_references and _REFERENCE_ITEM.match(line.text):
            return True
        if any(_stands_alone(each.text) for each in (before, line)):
            return True
        return len(self.current) == 1 and cues.is_known_heading(before.text)

    def _begins_by_edges(self, before: Line, line: Line) -> bool:
        if self._ends_short(before, line):
            return True
        em = line.size
        indent, indent_before = self._indent(line), self._indent(before)
        if indent < INDENT_EMS * em:
            return False
        if _ITEM.match(self.current[0].text) and not _ITEM.match(line.text):
            return False  # a hanging indent
        if indent > indent_before + INDENT_EMS * em * 0.7:
            return True
        # Indented like the line before: a new paragraph after one full line, or an indented block.
        return len(self.current) == 1 and cues.ends_like_prose(before.text) and before.text[-1] not in "，、,"

    def _is_far_below(self, before: Line, line: Line) -> bool:
        usual = self.measures.line_steps.get(_rounded(line.size), 1.6 * line.size)
        step = before.baseline - line.baseline
        return step > NEW_PARAGRAPH_GAP * usual or step < 0

    def _ends_short(self, before: Line, line: Line) -> bool:
        """Whether the first word of `line` would still have found room beside `before`."""
        slack = self._right(before) - before.right
        em = before.size
        word = _FIRST_WORD.match(line.text)
        letters = len(word[0]) if word else 0
        if slack <= (CJK_SLACK_EMS + 0.55 * letters) * em:
            return False
        is_unfinished = not cues.ends_like_prose(before.text) and self._indent(line) < INDENT_EMS * em
        return not (is_unfinished and slack <= (UNFINISHED_SLACK_EMS + 0.55 * letters) * em)

    def _indent(self, line: Line) -> float:
        return line.left - self.measures.margins[line.region][0]

    def _right(self, line: Line) -> float:
        return self.measures.margins[line.region][1]


def _is_equation(text: str) -> bool:
    """A formula set off, or what stands beside an equation's number."""
    return cues.is_formula(text) or _EQUATION.fullmatch(text) is not None


def _stands_alone(text: str) -> bool:
    return cues.is_contents_line(text) or _is_equation(text)


def _measure(lines: list[Line]) -> _Measures:
    usual_size = body_size(lines)
    steps: defaultdict[float, list[float]] = defaultdict(list)
    for before, line in pairwise(lines):
        step = before.baseline - line.baseline
        if before.region == line.region and _rounded(before.size) == _rounded(line.size) and step > 0:
            steps[_rounded(line.size)].append(step)
    line_steps = {size: median(found) for size, found in steps.items() if len(found) >= 3}
    compounds = frozenset(match[0].lower() for line in lines for match in _COMPOUND.finditer(line.text))
    return _Measures(usual_size, line_steps, _margins(lines, usual_size), compounds)


def _margins(lines: list[Line], usual_size: float) -> dict[int, tuple[float, float]]:
    """The edges of each region. One with few lines borrows the usual width of its like."""
    by_region: defaultdict[int, list[Line]] = defaultdict(list)
    for line in lines:
        by_region[line.region].append(line)
    edges: dict[int, tuple[float, float]] = {}
    widths: defaultdict[bool, list[float]] = defaultdict(list)
    for region, members in by_region.items():
        body = [line for line in members if line.cells == 1 and _rounded(line.size) == usual_size] or members
        edges[region] = (min(line.left for line in body), max(line.right for line in body))
        if len(body) >= 5:
            widths[members[0].is_column].append(edges[region][1] - edges[region][0])
    for region, (left, right) in edges.items():
        alike = widths[by_region[region][0].is_column]
        usual_width = median(alike) if alike else 0.0
        edges[region] = (left, max(right, left + usual_width))
    return edges


def _notes(lines: list[Line], measures: _Measures) -> set[int]:
    """Indices of lines in small type at the foot of a page, under text of the usual size."""
    found: set[int] = set()
    in_references = False
    by_region: defaultdict[int, list[int]] = defaultdict(list)
    for index, line in enumerate(lines):
        if _REFERENCES.fullmatch("".join(line.text.split())):
            in_references = True
        if not in_references:
            by_region[line.region].append(index)
    for indices in by_region.values():
        foot: list[int] = []
        while (
            len(foot) < len(indices) and lines[indices[-1 - len(foot)]].size < SMALL_TYPE * measures.body_size
        ):
            foot.append(indices[-1 - len(foot)])
        if foot and len(foot) < len(indices) and _NOTE.match(lines[foot[-1]].text):
            found.update(foot)
    return found


def _table_rows(lines: list[Line]) -> set[int]:
    """Indices of lines that stand in columns of cells, at least two such lines together."""
    found: set[int] = set()
    for index, (line, following) in enumerate(pairwise(lines)):
        both = line.cells >= 2 and following.cells >= 2 and line.region == following.region
        if both and not any(cues.is_contents_line(each.text) for each in (line, following)):
            found.update((index, index + 1))
    return {index for index in found if not _is_equation(lines[index].text)}


def _rounded(size: float) -> float:
    return round(size * 2) / 2
