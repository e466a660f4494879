"""Cheap ways to change a text so that its author is harder to see."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
from opencc import OpenCC

from detection.scoring.sentences import sentence_ends
from detection.training.rewording import Rewording

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
    return str(_converter("s2t").convert(text))


def taiwanese_words(text: str) -> str:
    """Traditional script, and the words of Taiwan where it has others, by a lexicon training has not seen."""
    return str(_converter("s2twp").convert(text))


def shuffled_sentences(text: str) -> str:
    sentences = _sentences(text)
    random.Random(len(text)).shuffle(sentences)  # noqa: S311 - for repeatability, not for secrecy
    return "".join(sentences)


def plainer_words(text: str) -> str:
    """By the lexicon that training uses too: an attack that the model has been prepared for."""
    return _rewording().exchanged(text, np.random.default_rng(len(text)), plainer=True)


def casual_voice(text: str) -> str:
    """By the words that training uses too."""
    return _rewording().casual(text, np.random.default_rng(len(text)))


def marked_up(text: str) -> str:
    """Every sentence an item of a list, its beginning bold."""
    return "".join(f"- **{sentence[:6]}**{sentence[6:]}\n" for sentence in _sentences(text))


def spaced_out(text: str) -> str:
    return " ".join(text)


ATTACKS: Mapping[str, Callable[[str], str]] = {
    "zero-width characters": zero_width,
    "look-alike characters": lookalikes,
    "traditional script": traditional_script,
    "Taiwan's words": taiwanese_words,
    "sentences shuffled": shuffled_sentences,
    "punctuation removed": no_punctuation,
    "plainer words": plainer_words,
    "casual voice": casual_voice,
    "made a Markdown list": marked_up,
    "spaces between characters": spaced_out,
}


def _sentences(text: str) -> list[str]:
    ends = sentence_ends(text)
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@cache
def _rewording() -> Rewording:
    return Rewording.written()


@cache
def _converter(conversion: str) -> OpenCC:
    return OpenCC(conversion)
