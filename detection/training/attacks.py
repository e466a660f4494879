"""Cheap ways to change a text so that its author is harder to see."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from functools import cache

from opencc import OpenCC

from detection.scoring.sentences import sentence_ends

_ZERO_WIDTH = "\u200b"
_ZERO_WIDTH_EVERY = 3
_PUNCTUATION = re.compile(r"[，。、；：！？“”‘’,.;:!?]")
_LOOKALIKES = str.maketrans(
    "一人大小山工心手文日月木水火生用目立行言走足里金青面高aceopxy",
    "⼀⼈⼤⼩⼭⼯⼼⼿⽂⽇⽉⽊⽔⽕⽣⽤⽬⽴⾏⾔⾛⾜⾥⾦⾭⾯⾼асеорху",
)


def zero_width(text: str) -> str:
    parts = [text[i : i + _ZERO_WIDTH_EVERY] for i in range(0, len(text), _ZERO_WIDTH_EVERY)]
    return _ZERO_WIDTH.join(parts)


def lookalikes(text: str) -> str:
    return text.translate(_LOOKALIKES)


def no_punctuation(text: str) -> str:
    return _PUNCTUATION.sub("", text)


def traditional_script(text: str) -> str:
    return str(_converter().convert(text))


def shuffled_sentences(text: str) -> str:
    ends = sentence_ends(text)
    sentences = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    random.Random(len(text)).shuffle(sentences)  # noqa: S311 - for repeatability, not for secrecy
    return "".join(sentences)


ATTACKS: Mapping[str, Callable[[str], str]] = {
    "zero-width characters": zero_width,
    "look-alike characters": lookalikes,
    "traditional script": traditional_script,
    "sentences shuffled": shuffled_sentences,
    "punctuation removed": no_punctuation,
}


@cache
def _converter() -> OpenCC:
    return OpenCC("s2t")
