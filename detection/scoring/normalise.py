"""One plain form for every text, so that neither formatting nor tricks with characters decide a verdict.

Every rule replaces a character by one character or deletes it, so each character that remains comes from
exactly one code point of the original. All work is linear in the length of the text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detection.scoring import attacks
from detection.scoring.characters import (
    CJK_PUNCTUATION,
    DELETED,
    HOMOGLYPHS,
    IDEOGRAPHS,
    Booleans,
    CodePoints,
    code_points,
    is_one_of,
    replacement_table,
    text_of,
)
from detection.scoring.markdown import blank_markdown
from detection.scoring.types import AttackFlag

# One round brings nearly every text to its fixed point; the rest is for texts made to resist.
MAXIMUM_ROUNDS = 12

_MIXED_WORD = re.compile(r"[A-Za-z\u0370-\u03ff\u0400-\u052f\u2160-\u217f]+")
_LOOKALIKE = re.compile("[" + "".join(map(chr, HOMOGLYPHS)) + "]")
_COMBINING_MARKS = "\u0300-\u034e\u0350-\u036f\u20d0-\u20ff"
_COMBINING = re.compile(f"[A-Za-z]?[{_COMBINING_MARKS}]+")
# Every alternative begins with a plain character: re then skips quickly where none of them can begin.
_RUN = re.compile(r"\.\.\.+|…[….]+|。。+|——+|--+")
_BRACKETED = re.compile(r"\(([^()\n]{0,200})\)")
_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")

_WIDE = np.arange(128, dtype=np.uint32)
_WIDE[code_points(",:;?!()")] = code_points("，：；？！（）")
# The punctuation beside these is wide.
_CHINESE = IDEOGRAPHS + "。、《》〈〉【】〔〕…—"
_ALPHANUMERIC = "0-9A-Za-z"


Origins = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Normalised:
    """`origins[i]` is the code point of the original that became `text[i]`; int64, ascending."""

    text: str
    origins: Origins
    attack_flags: tuple[AttackFlag, ...]


def normalise(text: str) -> Normalised:
    """The plain form of a text, its way back to the original, and the tricks that were undone."""
    points = code_points(text)
    origins = np.arange(len(points), dtype=np.int64)
    for _ in range(MAXIMUM_ROUNDS):
        before = points
        points, origins = _one_round(points, origins)
        if np.array_equal(points, before):
            break
    return Normalised(text_of(points), origins, attacks.deliberate_manipulations(text))


def _one_round(points: CodePoints, origins: Origins) -> tuple[CodePoints, Origins]:
    for step in (_replace_characters, _rewrite_marks, _join_lines, _widen_punctuation, _drop_spaces):
        points = step(points)
        kept = points != DELETED
        if not kept.all():
            points, origins = points[kept], origins[kept]
    return points, origins


def _replace_characters(points: CodePoints) -> CodePoints:
    return replacement_table().take(points)


def _rewrite_marks(points: CodePoints) -> CodePoints:
    text = text_of(points)
    if _LOOKALIKE.search(text):
        text = _MIXED_WORD.sub(_latin_word, text)
    if is_one_of(_COMBINING_MARKS, points).any():
        text = _COMBINING.sub(_composed, text)
    text = blank_markdown(text)
    return code_points(text)


def _join_lines(points: CodePoints) -> CodePoints:
    points = np.where(points == ord("\n"), np.uint32(ord(" ")), points)
    text = _RUN.sub(_single_mark, text_of(points))
    return code_points(text)


def _latin_word(match: re.Match[str]) -> str:
    word = match[0]
    folded = word.translate(HOMOGLYPHS)
    is_disguised = any("A" <= c <= "z" for c in word) and folded.isascii()
    return folded if is_disguised else word


def _composed(match: re.Match[str]) -> str:
    composed = unicodedata.normalize("NFC", match[0][:2])[:1]
    first = "\0" if unicodedata.combining(composed) else composed
    return first.ljust(len(match[0]), "\0")


def _single_mark(match: re.Match[str]) -> str:
    mark = "—" if match[0][0] in "—-" else "…"
    return mark.ljust(len(match[0]), "\0")


def _widen_punctuation(points: CodePoints) -> CodePoints:
    """Punctuation beside Chinese is wide, whatever the keyboard made of it; elsewhere it is narrow."""
    is_ascii = points < len(_WIDE)
    if not is_ascii.any():
        return points
    points = points.copy()
    is_chinese = is_one_of(_CHINESE, points)
    beside_chinese = _shifted(is_chinese, 1) | _shifted(is_chinese, -1)
    for bracket in _BRACKETED.finditer(text_of(points)):
        if beside_chinese[[bracket.start(), bracket.end() - 1]].any() or _IDEOGRAPH.search(bracket[1]):
            beside_chinese[[bracket.start(), bracket.end() - 1]] = True
        else:
            beside_chinese[[bracket.start(), bracket.end() - 1]] = False
    widened = is_ascii & beside_chinese
    points[widened] = _WIDE[points[widened]]
    is_full_stop = points == ord(".")
    if not is_full_stop.any():
        return points
    ends_chinese = is_one_of(IDEOGRAPHS + "）》】", points)
    continues = is_one_of(_ALPHANUMERIC + ".", points)
    ends_sentence = _shifted(ends_chinese, 1) & ~_shifted(continues, -1)
    ends_sentence |= _shifted(is_one_of("A-Za-z", points), 1) & _shifted(is_one_of(IDEOGRAPHS, points), -1)
    points[is_full_stop & ends_sentence] = ord("。")
    return points


def _drop_spaces(points: CodePoints) -> CodePoints:
    is_space = points == ord(" ")
    if not is_space.any():
        return points
    is_chinese = is_one_of(IDEOGRAPHS + CJK_PUNCTUATION, points)
    beside_chinese = _shifted(is_chinese, 1) | _shifted(is_chinese, -1)
    at_edge = np.zeros(len(points), dtype=np.bool_)
    at_edge[:1] = at_edge[-1:] = True
    goes = is_space & (beside_chinese | at_edge | _shifted(is_space, 1))
    return np.where(goes, np.uint32(DELETED), points)


def _shifted(mask: Booleans, by: int) -> Booleans:
    """`by` 1: is the character before one of `mask`? -1: the character after?"""
    moved = np.zeros_like(mask)
    if by == 1:
        moved[1:] = mask[:-1]
    else:
        moved[:-1] = mask[1:]
    return moved
