"""What a file is, by its content; its name must agree."""

from __future__ import annotations

import io
import re
import zipfile
from enum import StrEnum
from pathlib import PurePath

from detection.extraction.errors import CONTENT_NAMES, ErrorCode, ExtractionError


class FileType(StrEnum):
    DOCX = "docx"
    PDF = "pdf"
    TEXT = "text"
    MARKDOWN = "markdown"


EXTENSIONS: dict[str, FileType] = {
    ".docx": FileType.DOCX,
    ".pdf": FileType.PDF,
    ".txt": FileType.TEXT,
    ".md": FileType.MARKDOWN,
    ".markdown": FileType.MARKDOWN,
}
# Programs write their own lines before the PDF header; readers look this far.
PDF_HEADER_BYTES = 1024

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"{\\rtf", "rtf"),
    (b"\x89PNG\r\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"II*\0", "image"),
    (b"MM\0*", "image"),
    (b"Rar!\x1a\x07", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "zip"),
    (b"\x1f\x8b\x08", "zip"),
    (b"\x7fELF", "program"),
    (b"MZ\x90\0", "program"),
)
_ZIP_MEMBERS: tuple[tuple[str, str], ...] = (
    ("word/", "docx"),
    ("xl/", "xlsx"),
    ("ppt/", "pptx"),
    ("META-INF/container.xml", "epub"),
    ("content.xml", "odt"),
)


def checked_type(data: bytes, filename: str) -> FileType:
    """The type of a file whose name and content agree; otherwise an `ExtractionError` says what it is."""
    extension = PurePath(filename).suffix.lower()
    content = _content(data)
    if content == "word_ole" and extension in {*EXTENSIONS, ".doc", ".wps"}:
        raise ExtractionError(ErrorCode.LEGACY_DOC)
    if content == "encrypted_ole" and extension in {*EXTENSIONS, ".doc"}:
        raise ExtractionError(ErrorCode.DOCX_ENCRYPTED)
    if extension not in EXTENSIONS and content not in {FileType.DOCX, FileType.PDF}:
        raise ExtractionError(ErrorCode.UNSUPPORTED_TYPE)
    named = EXTENSIONS.get(extension)
    expected = FileType.TEXT if named is FileType.MARKDOWN else named
    if content in {expected, "unknown"} and named is not None:
        return named
    actual = CONTENT_NAMES["ole" if content.endswith("_ole") else content]
    shown = extension if re.fullmatch(r"\.[a-z0-9]{1,5}", extension) else "…"
    raise ExtractionError(ErrorCode.RENAMED_EXTENSION, extension=shown, actual=actual)


def _content(data: bytes) -> str:
    if b"%PDF-" in data[:PDF_HEADER_BYTES]:
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_content(data)
    if data.startswith(_OLE):
        return _ole_content(data)
    for magic, content in _MAGIC:
        if data.startswith(magic):
            return content
    return "text" if _looks_like_text(data) else "unknown"


def _zip_content(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        # Cut off or damaged: its reader says so, if a Word document's parts are named in it.
        return "docx" if b"word/" in data or b"[Content_Types].xml" in data else "zip"
    for prefix, content in _ZIP_MEMBERS:
        if any(name.startswith(prefix) for name in names):
            return content
    return "docx" if "[Content_Types].xml" in names else "zip"


def _ole_content(data: bytes) -> str:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return "encrypted_ole"
    return "word_ole" if "WordDocument".encode("utf-16-le") in data else "other_ole"


def _looks_like_text(data: bytes) -> bool:
    """No control bytes that text in any single- or multi-byte encoding avoids. UTF-16 is not claimed here."""
    head = data[:4096]
    controls = sum(byte < 9 or (13 < byte < 32 and byte != 27) for byte in head)
    return controls == 0
