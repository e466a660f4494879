"""What the named styles of a Word document say about its paragraphs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from detection.extraction.word_package import Element
from detection.scoring.types import BlockKind

LONGEST_CHAIN = 20
BODY_TEXT_LEVEL = 9

_KINDS: tuple[tuple[re.Pattern[str], BlockKind], ...] = (
    (re.compile(r"toc\b|目录|table of (?:figures|contents)|图表目录"), BlockKind.CONTENTS),
    (re.compile(r"(?:heading|标题) ?\d|(?:sub)?title$|(?:副)?标题$"), BlockKind.HEADING),
    (re.compile(r"caption|题注|图题|表题"), BlockKind.CAPTION),
    (re.compile(r"(?:intense )?quote|block ?text|quotation|(?:明显)?引用"), BlockKind.QUOTATION),
    (
        re.compile(r"(?:source ?)?code|代码|源代码|html preformatted|preformatted|verbatim|listing"),
        BlockKind.CODE,
    ),
    (re.compile(r"(?:footnote|endnote) text|脚注文本|尾注文本"), BlockKind.FOOTNOTE),
    (re.compile(r"bibliography|endnote bibliography|参考文献|书目"), BlockKind.REFERENCE),
)
_MONOSPACED = re.compile(r"courier|consolas|menlo|monaco|mono\b|lucida console|source code", re.I)


class Switch(Enum):
    """A property that Word writes as an element: absent, on, or switched off."""

    ABSENT = None
    ON = True
    OFF = False


def local_name(element: Element) -> str:
    """The tag without its namespace, which differs between the two standards of .docx."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def child(element: Element | None, name: str) -> Element | None:
    if element is not None:
        for candidate in element:
            if local_name(candidate) == name:
                return candidate
    return None


def value(element: Element | None, name: str = "val") -> str | None:
    """An attribute of an element whatever its namespace."""
    if element is not None:
        for key, text in element.attrib.items():
            if key.rpartition("}")[2] == name:
                return text
    return None


def switch(properties: Element | None, name: str) -> Switch:
    element = child(properties, name)
    if element is None:
        return Switch.ABSENT
    return Switch.OFF if value(element) in {"0", "false", "off"} else Switch.ON


def is_monospaced(run_properties: Element | None) -> bool:
    fonts = child(run_properties, "rFonts")
    return _MONOSPACED.search(value(fonts, "ascii") or "") is not None


@dataclass(frozen=True, slots=True)
class Style:
    name: str
    parent: str | None
    has_outline: bool
    is_monospaced: bool
    is_bold: Switch
    is_hidden: bool


@dataclass
class Styles:
    """Style id -> what it is, its ancestors asked where it does not say."""

    by_id: dict[str, Style] = field(default_factory=dict)
    default_id: str | None = None

    def kind(self, style_id: str | None) -> BlockKind | None:
        """None for body text."""
        for style in self._chain(style_id):
            for pattern, kind in _KINDS:
                if pattern.match(style.name):
                    return kind
            if style.has_outline:
                return BlockKind.HEADING
            if style.is_monospaced:
                return BlockKind.CODE
        return None

    def is_title(self, style_id: str | None) -> bool:
        return any(style.name in {"title", "标题"} for style in self._chain(style_id)[:1])

    def is_bold(self, style_id: str | None) -> bool:
        for style in self._chain(style_id):
            if style.is_bold is not Switch.ABSENT:
                return style.is_bold is Switch.ON
        return False

    def is_hidden(self, style_id: str | None) -> bool:
        return any(style.is_hidden for style in self._chain(style_id))

    def _chain(self, style_id: str | None) -> list[Style]:
        chain: list[Style] = []
        wanted = style_id if style_id is not None else self.default_id
        while wanted is not None and wanted in self.by_id and len(chain) < LONGEST_CHAIN:
            chain.append(self.by_id[wanted])
            wanted = chain[-1].parent
        return chain


def has_outline_level(paragraph_properties: Element | None) -> bool:
    level = value(child(paragraph_properties, "outlineLvl"))
    return level is not None and level.isdecimal() and int(level) < BODY_TEXT_LEVEL


def read_styles(root: Element | None) -> Styles:
    styles = Styles()
    for element in root if root is not None else ():
        style_id = value(element, "styleId")
        if local_name(element) != "style" or style_id is None:
            continue
        if value(element, "type") == "paragraph" and value(element, "default") in {"1", "true"}:
            styles.default_id = style_id
        run_properties = child(element, "rPr")
        styles.by_id[style_id] = Style(
            name=(value(child(element, "name")) or style_id).strip().lower(),
            parent=value(child(element, "basedOn")),
            has_outline=has_outline_level(child(element, "pPr")),
            is_monospaced=is_monospaced(run_properties),
            is_bold=switch(run_properties, "b"),
            is_hidden=switch(run_properties, "vanish") is Switch.ON,
        )
    return styles
