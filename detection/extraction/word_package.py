"""The zip file that a .docx is: checked before any of it is unpacked, its XML parts parsed safely."""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.parsers import expat

from detection.extraction.errors import ErrorCode, ExtractionError
from detection.extraction.limits import ExtractionLimits

Element = ElementTree.Element

_ARCHIVES = (".zip", ".rar", ".7z", ".gz", ".tgz", ".bz2", ".xz", ".tar")
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
_READABLE = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED_FLAG = 1


@dataclass(frozen=True)
class WordPackage:
    """Read access to the parts of a checked .docx."""

    archive: zipfile.ZipFile
    limits: ExtractionLimits

    def document_name(self) -> str:
        """The main part; most programs call it word/document.xml, not all."""
        return self.related("", "officeDocument") or "word/document.xml"

    def related(self, part: str, relationship: str) -> str | None:
        """The name of the part that `part` relates to in this way; "" is the package itself."""
        folder, name = posixpath.split(part)
        relations = self.xml(posixpath.join(folder, "_rels", f"{name}.rels"))
        for relation in relations if relations is not None else ():
            kind, target = relation.get("Type", ""), relation.get("Target", "")
            if kind.endswith(f"/{relationship}") and relation.get("TargetMode") != "External":
                return posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
        return None

    def xml(self, name: str) -> Element | None:
        """The root of an XML part; None if the package has no such part."""
        try:
            info = self.archive.getinfo(name)
        except KeyError:
            return None
        if info.file_size > self.limits.xml_bytes:
            raise ExtractionError(ErrorCode.TOO_COMPLEX)
        try:
            # Reads no further than the size that was checked, whatever the compressed bytes would give.
            data = self.archive.read(info)
        except _BROKEN:
            raise ExtractionError(ErrorCode.BROKEN_FILE) from None
        return parse_xml(data, self.limits)


def open_package(data: bytes, limits: ExtractionLimits) -> WordPackage:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        entries = archive.infolist()
    except _BROKEN:
        raise ExtractionError(ErrorCode.BROKEN_FILE) from None
    if len(entries) > limits.zip_entries:
        raise ExtractionError(ErrorCode.ZIP_BOMB)
    unzipped = sum(entry.file_size for entry in entries)
    is_dense = unzipped > limits.zip_ratio * max(1, len(data)) and unzipped > limits.zip_ratio_free_bytes
    if unzipped > limits.unzipped_bytes or is_dense:
        raise ExtractionError(ErrorCode.ZIP_BOMB)
    if any(entry.filename.lower().endswith(_ARCHIVES) for entry in entries):
        raise ExtractionError(ErrorCode.NESTED_ARCHIVE)
    if any(entry.flag_bits & _ENCRYPTED_FLAG for entry in entries):
        raise ExtractionError(ErrorCode.DOCX_ENCRYPTED)
    if any(entry.compress_type not in _READABLE for entry in entries):
        raise ExtractionError(ErrorCode.BROKEN_FILE)
    return WordPackage(archive, limits)


def parse_xml(data: bytes, limits: ExtractionLimits) -> Element:
    """A part's root. Word writes no document type, so one is refused: no entity can grow or reach outside."""
    if data.count(b"<") > limits.xml_tags:
        raise ExtractionError(ErrorCode.TOO_COMPLEX)
    _refuse_document_type(data)
    try:
        return ElementTree.fromstring(data)  # noqa: S314 - no document type, no entities
    except (ElementTree.ParseError, ValueError, LookupError):
        raise ExtractionError(ErrorCode.BROKEN_FILE) from None


class _RootReached(Exception):
    """Ends the look-ahead: no document type can follow."""


def _refuse_document_type(data: bytes) -> None:
    def refuse(*_: object) -> None:
        raise ExtractionError(ErrorCode.UNSAFE_XML)

    def stop(*_: object) -> None:
        raise _RootReached

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = stop
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat takes it by position
    except _RootReached:
        return
    except (expat.ExpatError, ValueError, LookupError):
        raise ExtractionError(ErrorCode.BROKEN_FILE) from None
