"""Which language a text is written in, as far as a verdict depends on it."""

from __future__ import annotations

import re

import numpy as np

from detection.scoring.characters import IDEOGRAPHS, CodePoints, code_points, is_one_of, text_of

CHINESE, LITERARY_CHINESE, ENGLISH, OTHER = "zh", "lzh", "en", "other"  # ISO 639
MOST_FOREIGN_SHARE = 0.2

# Of 58,000 Chinese texts of the corpora two dozen are literary by these limits; those read were.
LEAST_LITERARY_SHARE = 0.06  # of the ideographs
LEAST_LITERARY_KINDS = 4
MOST_MODERN_SHARE = 0.015
_LITERARY_WORDS = "之其而也者矣焉曰乎哉吾汝尔兮何乃"
_MODERN_WORDS = "的了是们这那吗呢着在和个"

_FOREIGN_LETTER = re.compile(r"[^\W\d_A-Za-z]")


def language_of(text: str) -> str:
    """Of a normalised text. By its words; `other` if a fifth of the letters are neither Chinese nor Latin."""
    points = code_points(text)
    is_ideograph = is_one_of(IDEOGRAPHS, points)
    ideographs = int(np.count_nonzero(is_ideograph))
    is_latin = is_one_of("A-Za-z", points)
    latin_words = int(np.count_nonzero(np.diff(is_latin, prepend=False) & is_latin))  # where one begins
    foreign = sum(1 for _ in _FOREIGN_LETTER.finditer(text_of(points[~is_ideograph])))
    letters = ideographs + latin_words + foreign
    if not letters or foreign > MOST_FOREIGN_SHARE * letters:
        return OTHER
    if ideographs < latin_words:
        return ENGLISH
    return LITERARY_CHINESE if _is_literary(points, ideographs) else CHINESE


def _is_literary(points: CodePoints, ideographs: int) -> bool:
    """By the small words that classical writing lives on and modern writing hardly has, and the reverse."""
    literary = points[is_one_of(_LITERARY_WORDS, points)]
    if len(literary) <= LEAST_LITERARY_SHARE * ideographs or len(set(literary)) < LEAST_LITERARY_KINDS:
        return False
    modern = int(np.count_nonzero(is_one_of(_MODERN_WORDS, points)))
    return modern < MOST_MODERN_SHARE * ideographs
