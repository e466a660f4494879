"""What becomes of single characters: a look-up table over all code points, and classes that rules ask for."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

CodePoints = npt.NDArray[np.uint32]
Booleans = npt.NDArray[np.bool_]

CODE_POINT_COUNT = 0x110000
DELETED = 0  # NUL marks a character that goes; a NUL of the original goes as well

ZERO_WIDTH = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2064\u3164\ufeff\uffa0\ufe00-\ufe0f"
)
BIDI_CONTROLS = "\u202a-\u202e\u2066-\u2069"
IDEOGRAPHS = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
CJK_PUNCTUATION = "。、，：；？！（）《》〈〉【】〔〕…—·"

# Upper and lower case letters of other scripts that no reader can tell from a Latin letter.
HOMOGLYPHS = str.maketrans(
    "АВЕЅІЈКМНОРСТХУаеѕіјорсухԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧοⅼⅽⅾⅿⅰⅴⅹ",
    "ABESIJKMHOPCTXYaesijopcyxdqwABEZHIKMNOPTYXolcdmivx",
)

_SPACES = "\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_LINE_ENDS = "\r\u000b\u000c\u001c-\u001e\u0085\u2028\u2029"
_GONE = (
    "\u0000-\u0008\u000e-\u001b\u001f\u007f-\u0084\u0086-\u009f\u00ad\u061c\u200e\u200f\u206a-\u206f\ufff0-\uffff"
    "\ud800-\udfff\ue000-\uf8ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\U000e0000-\U0010ffff"
)
_SAME = {
    '"': "“”„‟«»「」『』﹁﹂﹃﹄＂〝〞〟",
    "'": "‘’‚‛＇‹›",
    "-": "–‒−﹣－‐‑",
    "—": "―─⸺⸻━",
    "~": "～〜∼",
    "·": "•‧・∙⋅･●○■□◆◇▪▫►▶➢❖◦",
    "。": "｡",
    "、": "､﹑",
    "《": "≪",
    "》": "≫",
    "…": "⋯",
    # Punctuation that exists at both widths starts narrow; its neighbours decide (normalise.py).
    ",": "，﹐",
    ".": "．",
    ":": "：﹕∶︰",
    ";": "；﹔",
    "?": "？﹖",
    "!": "！﹗",
    "(": "（﹙",
    ")": "）﹚",
}


def members(character_class: str) -> list[int]:
    """The code points of a class written as in a regular expression, without its brackets."""
    points: list[int] = []
    position = 0
    while position < len(character_class):
        first = ord(character_class[position])
        is_range = character_class[position + 1 : position + 2] == "-"
        last = ord(character_class[position + 2]) if is_range else first
        points.extend(range(first, last + 1))
        position += 3 if is_range else 1
    return points


def code_points(text: str) -> CodePoints:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def text_of(points: CodePoints) -> str:
    return points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


@cache
def replacement_table() -> CodePoints:
    """Code point -> code point it becomes (`DELETED` if it goes)."""
    table = np.arange(CODE_POINT_COUNT, dtype=np.uint32)
    _fold_compatibility_forms(table)
    for same, others in _SAME.items():
        table[members(others)] = ord(same)
    table[members(_GONE + ZERO_WIDTH + BIDI_CONTROLS)] = DELETED
    table[members(_SPACES)] = ord(" ")
    table[members(_LINE_ENDS)] = ord("\n")
    simplified = np.arange(CODE_POINT_COUNT, dtype=np.uint32)
    for traditional, plain in _simplified_characters().items():
        simplified[traditional] = plain
    table = simplified[simplified[table]]
    return table


@cache
def class_table(character_class: str) -> Booleans:
    table = np.zeros(CODE_POINT_COUNT, dtype=np.bool_)
    table[members(character_class)] = True
    return table


def is_one_of(character_class: str, points: CodePoints) -> Booleans:
    """Which of the points belong to a class; `take` costs a third of an index in brackets."""
    return class_table(character_class).take(points)


def _fold_compatibility_forms(table: CodePoints) -> None:
    ranges = (
        (0x212A, 0x212C),  # Kelvin, Ångström
        (0x2E80, 0x2FE0),  # radicals that look like ideographs
        (0xF900, 0xFB07),  # compatibility ideographs, Latin ligatures (those stay: they would grow)
        (0xFF01, 0xFF5F),  # full-width ASCII
        (0x1D400, 0x1D800),  # mathematical letters
        (0x2F800, 0x2FA20),
    )
    for first, last in ranges:
        for point in range(first, last):
            folded = unicodedata.normalize("NFKC", chr(point))
            if len(folded) == 1:
                table[point] = ord(folded)


def _simplified_characters() -> dict[int, int]:
    """Traditional -> simplified, one for one, the first choice of OpenCC's dictionary."""
    dictionary = resources.files("opencc").joinpath("dictionary/TSCharacters.txt").read_text("utf-8")
    pairs = (re.split(r"[\t ]", line) for line in dictionary.splitlines() if line)
    return {ord(old): ord(new) for old, new, *_ in pairs if len(old) == len(new) == 1}
