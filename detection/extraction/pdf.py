""".pdf -> pieces, by way of pdfium: pages to fragments, fragments to lines, lines to paragraphs."""

from __future__ import annotations

import pypdfium2
import pypdfium2.raw as pdfium

from detection.extraction import arrangement, cues
from detection.extraction.errors import ErrorCode, ExtractionError
from detection.extraction.limits import ExtractionLimits
from detection.extraction.pdf_layout import Line, page_lines
from detection.extraction.pdf_margins import without_margins
from detection.extraction.pdf_page import Page, read_page
from detection.extraction.pdf_paragraphs import HEADING_GROWTH, body_size, paragraphs
from detection.extraction.pieces import Piece, assemble
from detection.scoring.types import BlockKind, ExtractedDocument

# Fewer characters on the average page, next to pictures, are a scanner's stamp.
LEAST_CHARACTERS_OF_PAGE = 15
MOST_UNREADABLE = 0.3
# Headers and page numbers, which go, may take this much beyond the limit.
MARGIN_ALLOWANCE = 1.5
TITLE_PAGES = 2


def read_pdf(data: bytes, limits: ExtractionLimits) -> ExtractedDocument:
    document = _open(data)
    try:
        page_count = len(document)
        if page_count > limits.pages:
            raise ExtractionError(ErrorCode.TOO_MANY_PAGES, pages=page_count, limit_pages=limits.pages)
        pages = _pages(document, limits)
    except pypdfium2.PdfiumError:
        raise ExtractionError(ErrorCode.BROKEN_FILE) from None
    finally:
        document.close()
    pages = without_margins(pages)
    _check_text_layer(pages)
    lines: list[Line] = []
    for number, page in enumerate(pages):
        first_region = lines[-1].region + 1 if lines else 0
        lines.extend(page_lines(list(page.fragments), page=number, first_region=first_region))
    pieces = arrangement.arrange(paragraphs(lines))
    title = _largest_heading(lines, pieces) or arrangement.first_heading(pieces)
    return assemble(pieces, limits=limits, page_count=page_count, title=title)


def _open(data: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        is_locked = getattr(error, "err_code", None) in {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}
        code = ErrorCode.PDF_ENCRYPTED if is_locked else ErrorCode.BROKEN_FILE
        raise ExtractionError(code) from None


def _pages(document: pypdfium2.PdfDocument, limits: ExtractionLimits) -> list[Page]:
    pages: list[Page] = []
    characters = 0
    for index in range(len(document)):
        pages.append(read_page(document, index))
        characters += pages[-1].characters
        if characters > MARGIN_ALLOWANCE * limits.characters:
            raise ExtractionError(ErrorCode.TOO_LONG, limit_characters=limits.characters)
    if not pages:
        raise ExtractionError(ErrorCode.BROKEN_FILE)
    return pages


def _check_text_layer(pages: list[Page]) -> None:
    characters = sum(len(fragment.text) for page in pages for fragment in page.fragments)
    unreadable = sum(page.unreadable_characters for page in pages)
    pictures = sum(page.has_picture for page in pages)
    is_scan = pictures >= len(pages) / 2 and characters < LEAST_CHARACTERS_OF_PAGE * len(pages)
    if characters == 0 or is_scan or unreadable > MOST_UNREADABLE * characters:
        raise ExtractionError(ErrorCode.NO_TEXT_LAYER)


def _largest_heading(lines: list[Line], pieces: list[Piece]) -> str | None:
    """The title: what is set in the largest type on the first pages, if that is larger than the body."""
    first = [line for line in lines if line.page < TITLE_PAGES]
    if not first:
        return None
    largest = max(first, key=lambda line: line.size)
    if largest.size < HEADING_GROWTH * body_size(lines) or cues.is_section_heading(largest.text):
        return None
    titles = (piece for piece in pieces if piece.kind in {BlockKind.HEADING, BlockKind.COVER})
    return next((piece.text for piece in titles if largest.text in piece.text), None)
