"""Why a file or text was turned away: a stable code, and what to tell the person who sent it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


def gettext_noop(message: str) -> str:
    """Marks a sentence for translation; whoever shows it translates it. Keeps this package free of Django."""
    return message


class ErrorCode(StrEnum):
    EMPTY_FILE = "empty_file"
    EMPTY_TEXT = "empty_text"
    TOO_LARGE = "too_large"
    TOO_LONG = "too_long"
    TOO_MANY_PAGES = "too_many_pages"
    TOO_COMPLEX = "too_complex"
    UNSUPPORTED_TYPE = "unsupported_type"
    RENAMED_EXTENSION = "renamed_extension"
    LEGACY_DOC = "legacy_doc"
    DOCX_ENCRYPTED = "docx_encrypted"
    PDF_ENCRYPTED = "pdf_encrypted"
    NO_TEXT_LAYER = "no_text_layer"
    ZIP_BOMB = "zip_bomb"
    NESTED_ARCHIVE = "nested_archive"
    UNSAFE_XML = "unsafe_xml"
    BROKEN_FILE = "broken_file"
    UNDECODABLE_TEXT = "undecodable_text"


class ExtractionError(Exception):
    """A file or text cannot be read. `parameters` fill the sentences of `ERROR_TEXTS`.

    Neither the code nor the parameters hold anything the sender wrote, so both may be logged.
    """

    def __init__(self, code: ErrorCode, **parameters: int | str) -> None:
        super().__init__(code.value)
        self.code = code
        self.parameters = parameters

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.code, self.parameters)


def _rebuild(code: ErrorCode, parameters: dict[str, int | str]) -> ExtractionError:
    return ExtractionError(code, **parameters)


@dataclass(frozen=True, slots=True)
class ErrorText:
    """Two English sentences to translate, then fill with `%` and the error's parameters."""

    what_happened: str
    what_to_do: str


ERROR_TEXTS: dict[ErrorCode, ErrorText] = {
    ErrorCode.EMPTY_FILE: ErrorText(
        gettext_noop("The file is empty."),
        gettext_noop("Check that it was saved and uploaded completely, then send it again."),
    ),
    ErrorCode.EMPTY_TEXT: ErrorText(
        gettext_noop("There is no text in what was sent."),
        gettext_noop("Send a document that contains written text; pictures are not read."),
    ),
    ErrorCode.TOO_LARGE: ErrorText(
        gettext_noop("The file is larger than %(limit_megabytes)s MB."),
        gettext_noop("Remove or compress the pictures in it, or split it into parts."),
    ),
    ErrorCode.TOO_LONG: ErrorText(
        gettext_noop("The text is longer than %(limit_characters)s characters."),
        gettext_noop("Split it into parts, for instance by chapter, and send them one by one."),
    ),
    ErrorCode.TOO_MANY_PAGES: ErrorText(
        gettext_noop("The document has %(pages)s pages; at most %(limit_pages)s are read."),
        gettext_noop("Split it into parts and send them one by one."),
    ),
    ErrorCode.TOO_COMPLEX: ErrorText(
        gettext_noop("The document is built in too complicated a way to be read safely."),
        gettext_noop("Copy its text into a new document, or paste the text."),
    ),
    ErrorCode.UNSUPPORTED_TYPE: ErrorText(
        gettext_noop("Files of this type cannot be read."),
        gettext_noop("Send a .docx, .pdf, .txt or .md file, or paste the text."),
    ),
    ErrorCode.RENAMED_EXTENSION: ErrorText(
        gettext_noop("The file is named %(extension)s, but its content is: %(actual)s."),
        gettext_noop("Save it as .docx, .pdf, .txt or .md with the program that made it; do not rename it."),
    ),
    ErrorCode.LEGACY_DOC: ErrorText(
        gettext_noop("This is a document in the old Word format (.doc)."),
        gettext_noop("Open it in Word or WPS and save it as .docx."),
    ),
    ErrorCode.DOCX_ENCRYPTED: ErrorText(
        gettext_noop("The Word document is protected by a password."),
        gettext_noop("Remove the password in Word or WPS and send it again."),
    ),
    ErrorCode.PDF_ENCRYPTED: ErrorText(
        gettext_noop("The PDF is protected by a password."),
        gettext_noop("Save a copy without a password and send that."),
    ),
    ErrorCode.NO_TEXT_LAYER: ErrorText(
        gettext_noop("The PDF contains pictures of pages, but no text that can be read."),
        gettext_noop("Send the original document, or run text recognition (OCR) on the scan first."),
    ),
    ErrorCode.ZIP_BOMB: ErrorText(
        gettext_noop("Unpacked, the document would be far larger than any real document."),
        gettext_noop("Copy its text into a new document and send that."),
    ),
    ErrorCode.NESTED_ARCHIVE: ErrorText(
        gettext_noop("The document contains another archive."),
        gettext_noop("Remove the embedded archive from the document and send it again."),
    ),
    ErrorCode.UNSAFE_XML: ErrorText(
        gettext_noop("The document contains definitions that Word never writes and that could do harm."),
        gettext_noop("Copy its text into a new document and send that."),
    ),
    ErrorCode.BROKEN_FILE: ErrorText(
        gettext_noop("The file is damaged and cannot be read."),
        gettext_noop("Open it in the program that made it, save it again, and send the new file."),
    ),
    ErrorCode.UNDECODABLE_TEXT: ErrorText(
        gettext_noop("The characters of this text file cannot be recognised."),
        gettext_noop("Save it with the encoding UTF-8 and send it again."),
    ),
}

# What `RENAMED_EXTENSION` may call a file's content.
CONTENT_NAMES: dict[str, str] = {
    "docx": gettext_noop("a Word document"),
    "pdf": gettext_noop("a PDF document"),
    "text": gettext_noop("plain text"),
    "xlsx": gettext_noop("an Excel workbook"),
    "pptx": gettext_noop("a PowerPoint presentation"),
    "odt": gettext_noop("an OpenDocument file"),
    "epub": gettext_noop("an e-book"),
    "zip": gettext_noop("an archive"),
    "rtf": gettext_noop("an RTF document"),
    "image": gettext_noop("a picture"),
    "program": gettext_noop("a program"),
    "ole": gettext_noop("a document in an old Office format"),
}
