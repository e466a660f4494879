"""One PDF page -> stretches of text, each on one baseline without a wide gap, and where they stand."""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from dataclasses import dataclass

import pypdfium2
import pypdfium2.raw as pdfium

# In ems: a wider gap separates columns or cells, a higher step lines.
WIDE_GAP = 1.1
LINE_STEP = 0.6
IDEOGRAPHIC_SPACE = 0.6
BACKWARD_STEP = 3.0
ROTATION_SAMPLES = 60
SOFT_HYPHEN = "\u00ad"

_MONOSPACED = re.compile(r"courier|consolas|menlo|monaco|mono|typewriter|cmtt", re.I)
_BOLD = re.compile(r"bold|black|heavy|simhei|heiti|[-_]hei\b", re.I)
_WIDE = re.compile(
    "[\u2e80-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]"
)
_QUOTES_AND_DASHES = "“”‘’…—"  # as wide as what stands around them
_GENERATED = frozenset("\r\n \ufffe\x02\x00\u00ad-")
_UNREADABLE = re.compile("[\x00\ufffd\ue000-\uf8ff]")


@dataclass(frozen=True, slots=True)
class Fragment:
    """Coordinates in points, origin at the lower left of the upright page."""

    text: str
    left: float
    right: float
    baseline: float
    size: float
    is_bold: bool = False
    is_monospaced: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    fragments: tuple[Fragment, ...]
    bottom: float
    top: float
    has_picture: bool
    characters: int  # that a reader sees
    unreadable_characters: int  # that the file does not say how to read


def is_wide(character: str) -> bool:
    """Whether it is written without spaces around it: ideographs and their punctuation."""
    return _WIDE.match(character) is not None


def ends_wide(text: str) -> bool:
    return is_wide(text.rstrip(_QUOTES_AND_DASHES)[-1:])


def begins_wide(text: str) -> bool:
    return is_wide(text.lstrip(_QUOTES_AND_DASHES)[:1])


def read_page(document: pypdfium2.PdfDocument, number: int) -> Page:
    """The page of this number, from 0. One whose text is turned is stood upright in `document` first."""
    page = document[number]
    text_page = page.get_textpage()
    if turns := _quarter_turns(page, text_page):
        _turn_back(page, turns)
        text_page.close()
        page.close()
        page = document[number]
        text_page = page.get_textpage()
    fragments = _PageReader(text_page).fragments()
    text_page.close()
    left, bottom, right, top = page.get_bbox()
    if turns % 2:
        bottom, top = left, right
    if turns:
        bottom, top = _extent(fragments, bottom, top)
    seen = sum(len(fragment.text) - fragment.text.count(" ") for fragment in fragments)
    unreadable = sum(len(_UNREADABLE.findall(fragment.text)) for fragment in fragments)
    # Whether there are pictures matters only where there is hardly any text.
    has_picture = seen < 100 and _has_picture(page)
    page.close()
    return Page(tuple(fragments), bottom, top, has_picture, seen, unreadable)


def _quarter_turns(page: pypdfium2.PdfPage, text_page: pypdfium2.PdfTextPage) -> int:
    """How most of the text is turned against the clock, 0 to 3; the page itself where no text is found."""
    count = text_page.count_chars()
    if not count:
        return int(page.get_rotation()) // 90
    step = max(1, count // ROTATION_SAMPLES)
    turns = Counter(_turn(text_page.raw, index) for index in range(0, count, step))
    turns.pop(-1, None)
    return turns.most_common(1)[0][0] if turns else 0


def _turn(text_page: pdfium.FPDF_TEXTPAGE, index: int) -> int:
    """Of a character, in quarter turns against the clock, 0 to 3; -1 for text that is askew."""
    matrix = pdfium.FS_MATRIX()
    if not pdfium.FPDFText_GetMatrix(text_page, index, matrix):
        return 0
    turns = math.atan2(matrix.b, matrix.a) / (math.pi / 2)
    return round(turns) % 4 if abs(turns - round(turns)) < 0.1 else -1


def _turn_back(page: pypdfium2.PdfPage, turns: int) -> None:
    """Turn what is drawn on the page with the clock. It counts when the page is loaded anew.

    pdfium leaves out text that takes no width on the page. That is every turned line in a font that neither
    the file nor this machine has, for its glyphs are then taken to have no height.
    """
    cosine, sine = ((1, 0), (0, -1), (-1, 0), (0, 1))[turns]
    pdfium.FPDFPage_TransFormWithClip(page.raw, pdfium.FS_MATRIX(cosine, sine, -sine, cosine, 0, 0), None)


def _extent(fragments: list[Fragment], bottom: float, top: float) -> tuple[float, float]:
    """Of a turned page: its old edges, moved to where its text now stands."""
    height = top - bottom
    lowest = min((fragment.baseline for fragment in fragments), default=bottom)
    highest = max((fragment.baseline for fragment in fragments), default=top)
    margin = max(0.0, height - (highest - lowest)) / 2
    return lowest - margin, highest + margin


def _has_picture(page: pypdfium2.PdfPage) -> bool:
    kinds = (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_SHADING)
    return next(iter(page.get_objects(filter=kinds, max_depth=3)), None) is not None


class _PageReader:
    """Walks the characters of a page in the order of the file."""

    def __init__(self, text_page: pypdfium2.PdfTextPage) -> None:
        self.page = text_page.raw
        self.count = text_page.count_chars()
        self.box = pdfium.FS_RECTF()
        self.matrix = pdfium.FS_MATRIX()
        self.x, self.y = ctypes.c_double(), ctypes.c_double()
        self.name = ctypes.create_string_buffer(100)
        self.done: list[Fragment] = []
        self._begin()

    def fragments(self) -> list[Fragment]:
        for index in range(self.count):
            character = self._character(index)
            if character in _GENERATED and pdfium.FPDFText_IsGenerated(self.page, index) == 1:
                self._generated(character)
            elif character in "\r\n":
                self._flush()
            elif character in "\ufffe\x02":
                self.characters.append(SOFT_HYPHEN)
            elif "\udc00" <= character < "\ue000":
                continue  # the second half of a pair
            else:
                self._append(index, character)
        self._flush()
        return self.done

    def _character(self, index: int) -> str:
        """A rare ideograph comes as two surrogates, one after the other."""
        point = pdfium.FPDFText_GetUnicode(self.page, index)
        if 0xD800 <= point < 0xDC00:
            low = pdfium.FPDFText_GetUnicode(self.page, index + 1) if index + 1 < self.count else 0
            is_pair = 0xDC00 <= low < 0xE000
            return chr(0x10000 + (point - 0xD800) * 0x400 + low - 0xDC00) if is_pair else "\ufffd"
        return chr(point) if point < 0x110000 else "\ufffd"

    def _begin(self) -> None:
        self.characters: list[str] = []
        self.first_index = self.last_index = 0
        self.left = self.right = self.baseline = self.size = 0.0
        self.space_pending = False

    def _generated(self, character: str) -> None:
        if character == " ":
            self.space_pending = True
        elif character in "\r\n":
            self._flush()
        else:
            self.characters.append(SOFT_HYPHEN)

    def _append(self, index: int, character: str) -> None:
        left, right, baseline = self._place(index)
        if self.characters and self._is_apart(left, baseline):
            self._flush()
        if not self.characters:
            self.first_index, self.left, self.right, self.baseline = index, left, right, baseline
            self.size = self._size(index)
        elif self.space_pending and self._is_word_space(left, character):
            self.characters.append(" ")
        self.space_pending = False
        self.last_index = index
        self.characters.append(character)
        self.left, self.right = min(self.left, left), max(self.right, right)

    def _is_apart(self, left: float, baseline: float) -> bool:
        em = max(self.size, 1.0)
        is_other_line = abs(baseline - self.baseline) > LINE_STEP * em
        return is_other_line or left - self.right > WIDE_GAP * em or left < self.left - BACKWARD_STEP * em

    def _is_word_space(self, left: float, character: str) -> bool:
        """Beside ideographs a small gap is typesetting, not a space."""
        is_among_words = not is_wide(character) and not ends_wide("".join(self.characters[-4:]))
        return is_among_words or left - self.right > IDEOGRAPHIC_SPACE * self.size

    def _flush(self) -> None:
        text = "".join(self.characters).strip(" \t\u00a0")
        if text:
            middle = (self.first_index + self.last_index) // 2
            weight = pdfium.FPDFText_GetFontWeight(self.page, middle)
            name = self._font_name(middle)
            is_bold = weight >= 600 or _BOLD.search(name) is not None
            if _turn(self.page, middle) == 0:  # what is askew is a watermark
                fixed = _MONOSPACED.search(name) is not None
                size = max(self.size, self._size(middle))
                self.done.append(Fragment(text, self.left, self.right, self.baseline, size, is_bold, fixed))
        self._begin()

    def _place(self, index: int) -> tuple[float, float, float]:
        """Left, right and baseline."""
        pdfium.FPDFText_GetLooseCharBox(self.page, index, self.box)
        pdfium.FPDFText_GetCharOrigin(self.page, index, self.x, self.y)
        return self.box.left, self.box.right, self.y.value

    def _size(self, index: int) -> float:
        pdfium.FPDFText_GetMatrix(self.page, index, self.matrix)
        scale = math.hypot(self.matrix.c, self.matrix.d)
        return float(pdfium.FPDFText_GetFontSize(self.page, index)) * scale

    def _font_name(self, index: int) -> str:
        length = pdfium.FPDFText_GetFontInfo(self.page, index, self.name, len(self.name), None)
        return self.name.value.decode("utf-8", "replace") if 0 < length <= len(self.name) else ""
