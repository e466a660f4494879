"""Fragments of a page -> lines in reading order, column after column."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from detection.extraction.pdf_page import WIDE_GAP, Fragment, begins_wide, ends_wide, is_wide

LEAST_COLUMN_FRAGMENTS = 6
MOST_CROSSING = 0.25
LEAST_COLUMN_FILL = 0.6
MOST_TABLE_FILL = 0.75
FULL_LINE = 0.9
DEEPEST_SPLIT = 2  # up to four columns
CANDIDATE_STEP = 4  # points


_SECTION_NUMBER = re.compile(r"\d{1,2}(?:\.\d{1,2}){0,3}[.、]?|第.{1,3}[章节]|[一二三四五六七八九十]{1,3}、")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a column; `cells` are the parts of it that wide gaps separate."""

    text: str
    cells: int
    left: float
    right: float
    baseline: float
    size: float
    is_bold: bool
    is_monospaced: bool
    page: int
    region: int  # counted through the document
    is_column: bool


def page_lines(fragments: list[Fragment], *, page: int, first_region: int) -> list[Line]:
    lines: list[Line] = []
    for region, (members, is_column) in enumerate(_regions(fragments, DEEPEST_SPLIT), first_region):
        width = max(member.right for member in members) - min(member.left for member in members)
        for row in rows(members):
            line = _line(row, page, region, is_column)
            is_spread = _filled(row) > MOST_TABLE_FILL and line.right - line.left > FULL_LINE * width
            lines.append(replace(line, text=line.text.replace("\t", " "), cells=1) if is_spread else line)
    return lines


def rows(fragments: list[Fragment]) -> list[list[Fragment]]:
    """Fragments side by side, from left to right; rows from top to bottom."""
    found: list[list[Fragment]] = []
    for fragment in sorted(fragments, key=lambda fragment: -fragment.baseline):
        if found and _is_beside(found[-1][0], fragment):
            found[-1].append(fragment)
        else:
            found.append([fragment])
    for row in found:
        row.sort(key=lambda fragment: fragment.left)
    return found


def _is_beside(first: Fragment, second: Fragment) -> bool:
    return first.baseline - second.baseline < 0.5 * min(max(first.size, 1.0), max(second.size, 1.0))


def _line(row: list[Fragment], page: int, region: int, is_column: bool) -> Line:  # noqa: FBT001
    text = row[0].text
    cells = 1
    for before, after in pairwise(row):
        is_spread = len(row) <= 6 and _is_set_apart(before.text, after.text, first=before is row[0])
        if after.left - before.right > WIDE_GAP * max(before.size, after.size) and not is_spread:
            cells += 1
            text += "\t" + after.text
        else:
            needs_space = is_spread or not (ends_wide(text) or begins_wide(after.text))
            text += (" " if needs_space else "") + after.text
    longest = max(row, key=lambda fragment: len(fragment.text))
    return Line(
        text=text,
        cells=cells,
        left=row[0].left,
        right=max(fragment.right for fragment in row),
        baseline=longest.baseline,
        size=longest.size,
        is_bold=all(fragment.is_bold for fragment in row),
        is_monospaced=all(fragment.is_monospaced for fragment in row),
        page=page,
        region=region,
        is_column=is_column,
    )


def _filled(row: list[Fragment]) -> float:
    """How much of a row is text. Words spread to the margin leave less room between them than cells do."""
    return sum(fragment.right - fragment.left for fragment in row) / max(1.0, row[-1].right - row[0].left)


def _is_set_apart(before: str, after: str, *, first: bool) -> bool:
    """Set apart only for the look of it: 摘　要, or the number of a heading."""
    is_word = max(len(before), len(after)) <= 2 and is_wide(before[-1]) and is_wide(after[0])
    return is_word or (first and _SECTION_NUMBER.fullmatch(before) is not None)


def _regions(fragments: list[Fragment], splits: int) -> Iterator[tuple[list[Fragment], bool]]:
    """Stretches of the page to be read one after the other, and whether each is a column among others."""
    gutter = _gutter(fragments) if splits else None
    if gutter is None:
        if fragments:
            yield fragments, splits < DEEPEST_SPLIT
        return
    sides: tuple[list[Fragment], list[Fragment]] = ([], [])
    across: list[Fragment] = []
    for fragment in sorted(fragments, key=lambda fragment: -fragment.baseline):
        is_across = fragment.left < gutter - 1 and fragment.right > gutter
        if is_across and (sides[0] or sides[1]):
            yield from _columns(sides, splits)
            sides = ([], [])
        if is_across:
            across.append(fragment)
            continue
        if across:
            yield across, splits < DEEPEST_SPLIT
            across = []
        sides[fragment.left >= gutter - 1].append(fragment)
    yield from _columns(sides, splits)
    if across:
        yield across, splits < DEEPEST_SPLIT


def _columns(
    sides: tuple[list[Fragment], list[Fragment]], splits: int
) -> Iterator[tuple[list[Fragment], bool]]:
    for side in sides:
        yield from ((members, True) for members, _ in _regions(side, splits - 1))


def _gutter(fragments: list[Fragment]) -> float | None:
    """Where the right-hand column begins; None for a page, or table, that is not set in columns."""
    if len(fragments) < 2 * LEAST_COLUMN_FRAGMENTS:
        return None
    lefts = sorted(fragment.left for fragment in fragments)
    rights = sorted(fragment.right for fragment in fragments)
    begin, end = lefts[0], rights[-1]
    candidates = {
        round(left / CANDIDATE_STEP): left
        for left in reversed(lefts)
        if 0.2 < (left - begin) / max(1.0, end - begin) < 0.8
    }
    best: tuple[int, float] | None = None
    for candidate in candidates.values():
        on_left = bisect_right(rights, candidate)
        on_right = len(lefts) - bisect_left(lefts, candidate - 1)
        crossing = len(fragments) - on_left - on_right
        if min(on_left, on_right) < LEAST_COLUMN_FRAGMENTS or crossing > MOST_CROSSING * len(fragments):
            continue
        if best is None or crossing < best[0]:
            best = (crossing, candidate)
    if best is None or not _are_columns(fragments, best[1], begin, end):
        return None
    return best[1]


def _are_columns(fragments: list[Fragment], gutter: float, begin: float, end: float) -> bool:
    """Columns of prose are filled; the cells of a table are not."""
    on_left = [fragment for fragment in fragments if fragment.right <= gutter]
    on_right = [fragment for fragment in fragments if fragment.left >= gutter - 1]
    for members, width in ((on_left, gutter - begin), (on_right, end - gutter)):
        if len(members) < LEAST_COLUMN_FRAGMENTS:
            return False
        written = [sum(member.right - member.left for member in row) for row in rows(members)]
        if median(written) < LEAST_COLUMN_FILL * width:
            return False
    return True
