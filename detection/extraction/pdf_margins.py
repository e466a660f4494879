"""Running headers, footers and page numbers: found by where they stand and by coming again; taken out."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from detection.extraction.pdf_layout import rows
from detection.extraction.pdf_page import Fragment, Page

MARGIN_SHARE = 0.12  # of the height of the page, above and below
MARGIN_ROWS = 2
BASELINE_TOLERANCE = 4  # points
LONGEST_RUNNING_LINE = 120

_PAGE_NUMBER = re.compile(
    r"[\s\-–—―·•.|/]*(?:第\s*)?(?:\d{1,5}|[ivxlcIVXLC]{1,8}|[一二三四五六七八九十百]{1,4})\s*(?:页)?"
    r"(?:[\s,，/]*(?:of|共)?\s*\d{1,5}\s*页?)?[\s\-–—―·•.|]*"
    r"|page\s+\d{1,5}(?:\s*(?:of|/)\s*\d{1,5})?",
    re.I,
)
_DIGITS = re.compile(r"\d+")
_SPACE = re.compile(r"\s+")

_Key = tuple[str, int]


def without_margins(pages: list[Page]) -> list[Page]:
    """The same pages without what repeats at their upper and lower edges."""
    candidates = [_candidates(page) for page in pages]
    repeated = Counter(key for found in candidates for key in {key for _, key in found})
    cleaned: list[Page] = []
    for page, found in zip(pages, candidates, strict=True):
        outer = {id(fragment) for fragment, _ in found}
        inner = {_wording(fragment) for fragment in page.fragments if id(fragment) not in outer}
        gone = {
            id(fragment)
            for fragment, key in found
            if _PAGE_NUMBER.fullmatch(fragment.text) or (_comes_again(repeated, key) and key[0] not in inner)
        }
        kept = tuple(fragment for fragment in page.fragments if id(fragment) not in gone)
        cleaned.append(replace(page, fragments=kept))
    return cleaned


def _candidates(page: Page) -> list[tuple[Fragment, _Key]]:
    """What stands in the outermost rows, within the margins."""
    depth = MARGIN_SHARE * (page.top - page.bottom)
    found = rows(list(page.fragments))
    top = [row for row in found[:MARGIN_ROWS] if row[0].baseline > page.top - depth]
    bottom = [row for row in found[-MARGIN_ROWS:] if row[0].baseline < page.bottom + depth]
    outer = {id(fragment): fragment for row in (*top, *bottom) for fragment in row}
    return [
        (fragment, (_wording(fragment), round(fragment.baseline / BASELINE_TOLERANCE)))
        for fragment in outer.values()
        if len(fragment.text) <= LONGEST_RUNNING_LINE
    ]


def _wording(fragment: Fragment) -> str:
    return _SPACE.sub("", _DIGITS.sub("#", fragment.text))


def _comes_again(repeated: Counter[_Key], key: _Key) -> bool:
    """At the same height, give or take, on another page."""
    wording, height = key
    return sum(repeated[(wording, near)] for near in (height - 1, height, height + 1)) >= 2
