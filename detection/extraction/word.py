""".docx -> pieces: body, text boxes and notes. Headers, footers, pictures and macros are left alone.

The XML is read directly: a document opens that other libraries reject for a missing picture, and nothing is
unpacked or parsed that is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from detection.extraction import arrangement, cues
from detection.extraction.errors import ErrorCode, ExtractionError
from detection.extraction.limits import ExtractionLimits
from detection.extraction.pieces import Piece, assemble
from detection.extraction.word_package import Element, WordPackage, open_package
from detection.extraction.word_paragraph import ParagraphText, read_paragraph
from detection.extraction.word_styles import (
    Styles,
    child,
    has_outline_level,
    local_name,
    read_styles,
    value,
)
from detection.scoring.types import BlockKind, ExtractedDocument

DEEPEST_NESTING = 40
TITLE_PARAGRAPHS = 10

_CONTAINERS = frozenset({"sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag", "body"})
_CENTRED = frozenset({"center", "both-center", "distribute"})


def read_docx(data: bytes, limits: ExtractionLimits) -> ExtractedDocument:
    package = open_package(data, limits)
    name = package.document_name()
    root = package.xml(name)
    body = child(root, "body")
    if body is None:
        raise ExtractionError(ErrorCode.BROKEN_FILE)
    reader = _Reader(package, name, _styles(package, name), limits)
    pieces = arrangement.arrange(list(reader.pieces(body)))
    title = reader.title or arrangement.first_heading(pieces)
    return assemble(pieces, limits=limits, title=title)


def _styles(package: WordPackage, document: str) -> Styles:
    part = package.related(document, "styles")
    return read_styles(package.xml(part) if part else None)


@dataclass
class _Reader:
    package: WordPackage
    document: str
    styles: Styles
    limits: ExtractionLimits
    title: str | None = None
    characters: int = 0
    paragraphs: int = 0
    notes: dict[str, dict[str, Element]] = field(default_factory=dict)

    def pieces(self, container: Element, kind: BlockKind | None = None, depth: int = 0) -> Iterator[Piece]:
        """The pieces of a body, cell, box or note, in order. `kind` overrules what paragraphs say."""
        if depth > DEEPEST_NESTING:
            raise ExtractionError(ErrorCode.TOO_COMPLEX)
        for element in container:
            name = local_name(element)
            if name == "p":
                yield from self._paragraph(element, kind, depth)
            elif name == "tbl":
                yield from self._table(element, kind, depth)
            elif name in _CONTAINERS:
                inner_kind = BlockKind.CONTENTS if _is_contents_gallery(element) else kind
                yield from self.pieces(element, inner_kind, depth + 1)

    def _paragraph(self, element: Element, kind: BlockKind | None, depth: int) -> Iterator[Piece]:
        paragraph = read_paragraph(element, self.styles)
        text = paragraph.text
        if text.strip():
            self._count(text)
            yield Piece(text, kind or self._kind(element, paragraph))
            self.paragraphs += 1
        for box in paragraph.text_boxes:
            yield from self.pieces(box, kind, depth + 1)
        for part, note_id in paragraph.notes:
            note = self._notes_of(part).pop(note_id, None)  # a note is read once
            if note is not None:
                yield from self.pieces(note, BlockKind.FOOTNOTE, depth + 1)

    def _count(self, text: str) -> None:
        self.characters += len(text)
        if self.characters > self.limits.characters:
            raise ExtractionError(ErrorCode.TOO_LONG, limit_characters=self.limits.characters)

    def _kind(self, element: Element, paragraph: ParagraphText) -> BlockKind:
        properties = child(element, "pPr")
        style_id = value(child(properties, "pStyle"))
        text = paragraph.text.strip()
        if self._is_title(properties, style_id, paragraph):
            self.title = self.title or text
            return BlockKind.HEADING
        if paragraph.is_formula:
            return BlockKind.FORMULA
        if styled := self.styles.kind(style_id):
            return styled
        if has_outline_level(properties):
            return BlockKind.HEADING
        if paragraph.is_monospaced:
            return BlockKind.CODE
        if paragraph.is_bold and cues.fits_heading(text):
            return BlockKind.HEADING
        return BlockKind.CONTENTS if cues.is_contents_line(text) else BlockKind.PROSE

    def _is_title(self, properties: Element | None, style_id: str | None, paragraph: ParagraphText) -> bool:
        if self.styles.is_title(style_id):
            return True
        # Without the style: the first short line in the middle of the first page, in large type.
        is_centred = value(child(properties, "jc")) in _CENTRED
        is_large = paragraph.largest_half_points >= 30
        is_early = self.title is None and self.paragraphs < TITLE_PARAGRAPHS
        text = paragraph.text.strip()
        return (
            is_early
            and is_centred
            and is_large
            and cues.fits_heading(text)
            and not cues.is_section_heading(text)
        )

    def _table(self, table: Element, kind: BlockKind | None, depth: int) -> Iterator[Piece]:
        rows = [_descendants(row, "tc") for row in _descendants(table, "tr")]
        if all(len(cells) <= 1 for cells in rows):
            # A frame around text, not a table.
            for cells in rows:
                for cell in cells:
                    yield from self.pieces(cell, kind, depth + 1)
            return
        for cells in rows:
            yield from self._row(cells, kind, depth)

    def _row(self, cells: list[Element], kind: BlockKind | None, depth: int) -> Iterator[Piece]:
        """One piece for the row; a cell that holds paragraphs of prose, as forms do, is read as such."""
        short: list[str] = []
        for cell in cells:
            pieces = list(self.pieces(cell, depth=depth + 1))
            if any(cues.reads_as_prose(piece.text) for piece in pieces):
                yield Piece("\t".join(short), kind or BlockKind.TABLE)
                short = []
                yield from pieces
            else:
                short.append(" ".join(piece.text.strip() for piece in pieces))
        yield Piece("\t".join(short), kind or BlockKind.TABLE)

    def _notes_of(self, part: str) -> dict[str, Element]:
        if part not in self.notes:
            name = self.package.related(self.document, part)
            root = self.package.xml(name) if name else None
            self.notes[part] = {value(note, "id") or "": note for note in (root if root is not None else ())}
        return self.notes[part]


def _descendants(element: Element, name: str) -> list[Element]:
    """Rows of a table or cells of a row, also inside content controls and tracked insertions."""
    found: list[Element] = []
    for inner in element:
        if local_name(inner) == name:
            found.append(inner)
        elif local_name(inner) in _CONTAINERS:
            found.extend(_descendants(inner, name))
    return found


def _is_contents_gallery(element: Element) -> bool:
    gallery = child(child(child(element, "sdtPr"), "docPartObj"), "docPartGallery")
    return value(gallery) == "Table of Contents"
