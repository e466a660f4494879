"""Signs that somebody worked on the characters rather than on the text.

A flag accuses nobody: word processors, web pages and PDF files leave odd characters too, so each kind has a
number below which it says nothing.
"""

from __future__ import annotations

import re

from detection.scoring.characters import BIDI_CONTROLS, HOMOGLYPHS, IDEOGRAPHS, ZERO_WIDTH
from detection.scoring.types import AttackFlag

LEAST_ZERO_WIDTH = 3
LEAST_HOMOGLYPHS = 3
LEAST_BIDI_CONTROLS = 3
LEAST_SPACED_CHARACTERS = 20

_WORD = f"{IDEOGRAPHS}0-9A-Za-z"
_WORD_CHARACTER = re.compile(f"[{_WORD}]")
_ZERO_WIDTH_RUN = re.compile(f"[{ZERO_WIDTH}]+")
_BIDI = re.compile(f"[{BIDI_CONTROLS}]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LOOKALIKE = "".join(map(chr, HOMOGLYPHS))
# These begin with what is rare, so that re finds quickly where to look closer.
_DISGUISED = re.compile(f"[{_LOOKALIKE}](?:(?=[A-Za-z])|(?<=[A-Za-z].))")
_SPACED_ONE = f"[ \u3000][{IDEOGRAPHS}](?![{IDEOGRAPHS}])"
_SPACED = re.compile(f"[ \u3000](?<=[{IDEOGRAPHS}].)[{IDEOGRAPHS}](?![{IDEOGRAPHS}])(?:{_SPACED_ONE}){{3,}}")


def deliberate_manipulations(text: str) -> tuple[AttackFlag, ...]:
    """What was done to the characters of the original, where it is too much to be chance."""
    counts = (
        ("zero_width", _zero_width_in_words(text), LEAST_ZERO_WIDTH),
        ("homoglyph", sum(1 for _ in _DISGUISED.finditer(text)), LEAST_HOMOGLYPHS),
        ("bidi_control", _bidi_controls(text), LEAST_BIDI_CONTROLS),
        ("spaced_characters", sum(len(m[0]) // 2 for m in _SPACED.finditer(text)), LEAST_SPACED_CHARACTERS),
    )
    return tuple(AttackFlag(kind, count) for kind, count, least in counts if count >= least)


def _zero_width_in_words(text: str) -> int:
    return sum(_stands_in_a_word(text, run) for run in _ZERO_WIDTH_RUN.finditer(text))


def _stands_in_a_word(text: str, run: re.Match[str]) -> bool:
    before, after = text[max(run.start() - 1, 0) : run.start()], text[run.end() : run.end() + 1]
    return bool(_WORD_CHARACTER.match(before) and _WORD_CHARACTER.match(after))


def _bidi_controls(text: str) -> int:
    if _RIGHT_TO_LEFT.search(text):  # there they do honest work
        return 0
    return sum(1 for _ in _BIDI.finditer(text))
