"""The text of one Word paragraph, and what its inner make-up says about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from detection.extraction.word_package import Element
from detection.extraction.word_styles import Styles, Switch, child, is_monospaced, local_name, switch, value

_WRITTEN = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
# Text taken out with changes tracked; properties; instructions of fields; readings over ideographs.
_SKIPPED = frozenset({"del", "moveFrom", "pPr", "rPr", "instrText", "delText", "rt", "sdtPr", "sdtEndPr"})
_NOTES = {"footnoteReference": "footnotes", "endnoteReference": "endnotes"}
_PICTURES = frozenset({"drawing", "pict", "object", "AlternateContent"})
_FORMULAE = frozenset({"oMath", "oMathPara"})
_MATHEMATICAL_OPERATOR = {"nary": "∑", "rad": "√"}


@dataclass
class ParagraphText:
    """What was gathered from a paragraph. Boxes and notes are read after it."""

    parts: list[str] = field(default_factory=list)
    formula_characters: int = 0
    bold_characters: int = 0
    monospaced_characters: int = 0
    largest_half_points: int = 0
    text_boxes: list[Element] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)  # (footnotes or endnotes, id)

    @property
    def text(self) -> str:
        return "".join(self.parts)

    @property
    def is_bold(self) -> bool:
        return self.bold_characters > 0.9 * self._characters > 0

    @property
    def is_monospaced(self) -> bool:
        return self.monospaced_characters > 0.9 * self._characters > 0

    @property
    def is_formula(self) -> bool:
        """Nothing but formulae and, at most, a number in brackets and punctuation."""
        return self.formula_characters > 0 and self._characters - self.formula_characters <= 8

    @property
    def _characters(self) -> int:
        return sum(len("".join(part.split())) for part in self.parts)


def read_paragraph(element: Element, styles: Styles) -> ParagraphText:
    gathered = ParagraphText()
    _gather(element, gathered, styles)
    return gathered


def _gather(element: Element, gathered: ParagraphText, styles: Styles) -> None:
    for inner in element:
        name = local_name(inner)
        if name in _SKIPPED:
            continue
        if name == "r":
            _gather_run(inner, gathered, styles)
        elif name in _FORMULAE:
            formula = formula_text(inner)
            gathered.parts.append(formula)
            gathered.formula_characters += len("".join(formula.split()))
        elif name == "AlternateContent":
            _gather_first(inner, gathered, styles)
        else:
            _gather(inner, gathered, styles)


def _gather_first(element: Element, gathered: ParagraphText, styles: Styles) -> None:
    """The same thing written for newer and older programs: only one is shown."""
    for alternative in element[:1]:
        _gather(alternative, gathered, styles)


def _gather_run(run: Element, gathered: ParagraphText, styles: Styles) -> None:
    properties = child(run, "rPr")
    style_id = value(child(properties, "rStyle"))
    if switch(properties, "vanish") is Switch.ON or (style_id and styles.is_hidden(style_id)):
        return
    first = len(gathered.parts)
    _gather_run_content(run, gathered, styles)
    characters = sum(len("".join(part.split())) for part in gathered.parts[first:])
    if switch(properties, "b") is Switch.ON or (style_id and styles.is_bold(style_id)):
        gathered.bold_characters += characters
    if is_monospaced(properties):
        gathered.monospaced_characters += characters
    size = value(child(properties, "sz"))
    if size and size.isdecimal() and characters:
        gathered.largest_half_points = max(gathered.largest_half_points, int(size[:4]))


def _gather_run_content(run: Element, gathered: ParagraphText, styles: Styles) -> None:
    for inner in run:
        name = local_name(inner)
        if name == "t":
            gathered.parts.append(inner.text or "")
        elif name in _WRITTEN:
            gathered.parts.append(_WRITTEN[name])
        elif name in _NOTES:
            gathered.notes.append((_NOTES[name], value(inner, "id") or ""))
        elif name == "ruby":
            _gather(inner, gathered, styles)
        elif name in _PICTURES:
            gathered.text_boxes.extend(_text_boxes([inner]))


def _text_boxes(elements: Iterable[Element]) -> Iterator[Element]:
    """The outermost boxes: what lies in them is found when they are read."""
    for inner in elements:
        name = local_name(inner)
        if name == "txbxContent":
            yield inner
        elif name == "AlternateContent":
            yield from _text_boxes(inner[:1])
        else:
            yield from _text_boxes(inner)


def formula_text(element: Element) -> str:
    """A formula in one line: enough to read it, not to compute with it."""
    written: list[str] = []
    for inner in element.iter():
        name = local_name(inner)
        if name == "t":
            written.append(inner.text or "")
        elif name in _MATHEMATICAL_OPERATOR:
            written.append(_MATHEMATICAL_OPERATOR[name])
        elif name == "den":
            written.append("/")
    return "".join(written)
