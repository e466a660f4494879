"""The one door into extraction: a file or a pasted text in, one text with its blocks out.

The readers of Word and PDF are loaded when such a file comes, so that whoever only checks a pasted text does
not pay for them.
"""

from __future__ import annotations

from detection.extraction import arrangement
from detection.extraction.decoding import decode
from detection.extraction.errors import ErrorCode, ExtractionError
from detection.extraction.filetype import FileType, checked_type
from detection.extraction.limits import DEFAULT_LIMITS, MEGABYTE, ExtractionLimits
from detection.extraction.markdown import read_markdown
from detection.extraction.pieces import assemble, check_length, clean, clean_in_place, lines_of
from detection.scoring.types import ExtractedDocument


def check_file(*, data: bytes, filename: str, limits: ExtractionLimits = DEFAULT_LIMITS) -> FileType:
    """The cheap checks, fit for the moment of upload: size, type by content, name that agrees.

    Raises `ExtractionError`.
    """
    if not data:
        raise ExtractionError(ErrorCode.EMPTY_FILE)
    if len(data) > limits.size_bytes:
        raise ExtractionError(ErrorCode.TOO_LARGE, limit_megabytes=limits.size_bytes // MEGABYTE)
    return checked_type(data, filename)


def extract_file(
    *, data: bytes, filename: str, limits: ExtractionLimits = DEFAULT_LIMITS
) -> ExtractedDocument:
    """The text of a .docx, .pdf, .txt or .md file, with what layout says about each stretch of it.

    Raises `ExtractionError`, and nothing else, for a file that cannot be read. Run it in a process limited by
    `limits.process_limits`, and bound its time: files are made by strangers.
    """
    file_type = check_file(data=data, filename=filename, limits=limits)
    try:
        return _read(file_type, data, limits)
    except (MemoryError, RecursionError):
        raise ExtractionError(ErrorCode.TOO_COMPLEX) from None


def clean_text(text: str) -> str:
    """A pasted text as `extract_text` keeps it, of the same length; cleaning it again changes nothing."""
    return clean_in_place(text)


def extract_text(text: str, limits: ExtractionLimits = DEFAULT_LIMITS) -> ExtractedDocument:
    """A pasted text. Its length does not change, so offsets hold for the text as it was sent.

    Raises `ExtractionError`: `empty_text` or `too_long`.
    """
    check_length(text, limits)
    return lines_of(clean_in_place(text))


def _read(file_type: FileType, data: bytes, limits: ExtractionLimits) -> ExtractedDocument:
    if file_type is FileType.DOCX:
        from detection.extraction.word import read_docx

        return read_docx(data, limits)
    if file_type is FileType.PDF:
        from detection.extraction.pdf import read_pdf

        return read_pdf(data, limits)
    text = clean(decode(data))
    check_length(text, limits)
    if file_type is FileType.TEXT:
        return lines_of(text)
    pieces = arrangement.arrange(read_markdown(text))
    return assemble(pieces, limits=limits, title=arrangement.first_heading(pieces))
