"""Which language a text is written in, as far as a verdict depends on it."""

from __future__ import annotations

import re
from collections import Counter

from detection.scoring.characters import IDEOGRAPHS

CHINESE, LITERARY_CHINESE, ENGLISH, OTHER = "zh", "lzh", "en", "other"  # ISO 639
MOST_FOREIGN_SHARE = 0.2

# Of 58,000 Chinese texts of the corpora two dozen are literary by these limits; those read were.
LEAST_LITERARY_SHARE = 0.06  # of the ideographs
LEAST_LITERARY_KINDS = 4
MOST_MODERN_SHARE = 0.015
_LITERARY_WORDS = frozenset("之其而也者矣焉曰乎哉吾汝尔兮何乃")
_MODERN_WORDS = frozenset("的了是们这那吗呢着在和个")

_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")
_LATIN_WORD = re.compile(r"[A-Za-z]+")
_FOREIGN_LETTER = re.compile(r"(?![A-Za-z])[^\W\d_]")


def language_of(text: str) -> str:
    """Of a normalised text. By its words; `other` if a fifth of the letters are neither Chinese nor Latin."""
    counts = Counter(text)
    ideographs = sum(number for character, number in counts.items() if _IDEOGRAPH.match(character))
    latin_words = len(_LATIN_WORD.findall(text))
    foreign = sum(number for character, number in counts.items() if _FOREIGN_LETTER.match(character))
    foreign -= ideographs
    letters = ideographs + latin_words + foreign
    if not letters or foreign > MOST_FOREIGN_SHARE * letters:
        return OTHER
    if ideographs < latin_words:
        return ENGLISH
    return LITERARY_CHINESE if _is_literary(counts, ideographs) else CHINESE


def _is_literary(counts: Counter[str], ideographs: int) -> bool:
    """By the small words that classical writing lives on and modern writing hardly has, and the reverse."""
    literary = [counts[word] for word in _LITERARY_WORDS if counts[word]]
    modern = sum(counts[word] for word in _MODERN_WORDS)
    return (
        len(literary) >= LEAST_LITERARY_KINDS
        and sum(literary) > LEAST_LITERARY_SHARE * ideographs
        and modern < MOST_MODERN_SHARE * ideographs
    )
