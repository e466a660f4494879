"""What people send by mistake or on purpose: each has its own code, and none takes long."""

from __future__ import annotations

import pickle
import re
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from detection.extraction.errors import ERROR_TEXTS, ErrorCode, ExtractionError
from detection.extraction.extract import extract_file, extract_text
from detection.extraction.limits import DEFAULT_LIMITS, MEGABYTE, ExtractionLimits
from tests.extraction import made_files as made

SECONDS = 10  # far above what any of these takes, far below what a person would wait for


@dataclass(frozen=True)
class Bad:
    filename: str
    data: Callable[[], bytes]
    code: ErrorCode
    limits: ExtractionLimits = DEFAULT_LIMITS


def _ole(stream: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + stream.encode("utf-16-le") + bytes(600)


def _zip_bomb() -> bytes:
    return made.with_part(made.docx_of("正文。"), "word/media/image1.png", bytes(201 * MEGABYTE))


def _dense_zip() -> bytes:
    return made.with_part(made.docx_of("正文。"), "word/document.xml", b" " * (30 * MEGABYTE))


def _lying_zip() -> bytes:
    """Says in its directory that a part is small, and holds far more."""
    honest = made.with_part(made.docx_of(), "word/document.xml", b"<a>" + b" " * (30 * MEGABYTE) + b"</a>")
    true_size = (30 * MEGABYTE + 7).to_bytes(4, "little")
    return honest.replace(true_size, (1000).to_bytes(4, "little"))


def _many_entries() -> bytes:
    return made.zip_of(**{f"word/part{number}__xml": b"" for number in range(6000)})


def _laughs(system: str = "") -> bytes:
    entities = '<!ENTITY a "哈哈哈哈哈哈哈哈">' + "".join(
        f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9)
    )
    external = f'<!ENTITY x SYSTEM "{system}">' if system else ""
    document = made.part_of(made.docx_of("正文。")).decode()
    use = "&x;" if system else "&j;"
    document = document.replace("?>", f"?><!DOCTYPE w [{entities}{external}]>", 1).replace("正文。", use)
    return made.with_part(made.docx_of(), "word/document.xml", document.encode())


def _nested_tables(depth: int) -> bytes:
    table = "<w:p/>"
    for _ in range(depth):
        table = f"<w:tbl><w:tr><w:tc>{table}</w:tc></w:tr></w:tbl>"
    return made.body_docx(table)


BAD: dict[str, Bad] = {
    "empty": Bad("a.docx", lambda: b"", ErrorCode.EMPTY_FILE),
    "empty text file": Bad("a.txt", lambda: b"", ErrorCode.EMPTY_FILE),
    "only white space": Bad("a.txt", lambda: " \r\n\t\u3000\n".encode(), ErrorCode.EMPTY_TEXT),
    "only NULs": Bad("a.txt", lambda: bytes(100), ErrorCode.EMPTY_TEXT),
    "docx without a word": Bad("a.docx", lambda: made.docx_of("", " "), ErrorCode.EMPTY_TEXT),
    "too large": Bad("a.pdf", lambda: b"%PDF-1.4" + bytes(21 * MEGABYTE), ErrorCode.TOO_LARGE),
    "wrong type": Bad("a.png", lambda: b"\x89PNG\r\n\x1a\n" + bytes(100), ErrorCode.UNSUPPORTED_TYPE),
    "no extension": Bad("论文", lambda: "正文。".encode(), ErrorCode.UNSUPPORTED_TYPE),
    "spreadsheet": Bad("a.xlsx", lambda: made.zip_of(xl_a=b""), ErrorCode.UNSUPPORTED_TYPE),
    "pdf renamed docx": Bad("a.docx", lambda: made.pdf_of("正文。"), ErrorCode.RENAMED_EXTENSION),
    "docx renamed pdf": Bad("a.pdf", lambda: made.docx_of("正文。"), ErrorCode.RENAMED_EXTENSION),
    "docx renamed txt": Bad("a.TXT", lambda: made.docx_of("正文。"), ErrorCode.RENAMED_EXTENSION),
    "docx renamed doc": Bad("a.doc", lambda: made.docx_of("正文。"), ErrorCode.RENAMED_EXTENSION),
    "text renamed docx": Bad("a.docx", lambda: "正文。".encode(), ErrorCode.RENAMED_EXTENSION),
    "text renamed pdf": Bad("a.pdf", lambda: "正文。".encode(), ErrorCode.RENAMED_EXTENSION),
    "picture renamed pdf": Bad("a.pdf", lambda: b"\xff\xd8\xff" + bytes(99), ErrorCode.RENAMED_EXTENSION),
    "archive renamed docx": Bad("a.docx", lambda: made.zip_of(a__txt=b"a"), ErrorCode.RENAMED_EXTENSION),
    "old word": Bad("a.doc", lambda: _ole("WordDocument"), ErrorCode.LEGACY_DOC),
    "old word renamed docx": Bad("a.docx", lambda: _ole("WordDocument"), ErrorCode.LEGACY_DOC),
    "encrypted docx": Bad("a.docx", lambda: _ole("EncryptedPackage"), ErrorCode.DOCX_ENCRYPTED),
    "encrypted pdf": Bad("a.pdf", made.encrypted_pdf, ErrorCode.PDF_ENCRYPTED),
    "scanned pdf": Bad("a.pdf", made.scanned_pdf, ErrorCode.NO_TEXT_LAYER),
    "stamped scan": Bad("a.pdf", lambda: made.scanned_pdf(3, stamp="扫描件"), ErrorCode.NO_TEXT_LAYER),
    "blank pdf": Bad("a.pdf", lambda: made.pdf_of(pages=2), ErrorCode.NO_TEXT_LAYER),
    "zip bomb": Bad("a.docx", _zip_bomb, ErrorCode.ZIP_BOMB),
    "dense zip": Bad("a.docx", _dense_zip, ErrorCode.ZIP_BOMB),
    "lying zip": Bad("a.docx", _lying_zip, ErrorCode.BROKEN_FILE),
    "too many entries": Bad("a.docx", _many_entries, ErrorCode.ZIP_BOMB),
    "archive inside": Bad(
        "a.docx",
        lambda: made.with_part(made.docx_of("正文。"), "word/embeddings/more.zip", made.zip_of(a__txt=b"a")),
        ErrorCode.NESTED_ARCHIVE,
    ),
    "billion laughs": Bad("a.docx", _laughs, ErrorCode.UNSAFE_XML),
    "external entity": Bad("a.docx", lambda: _laughs("file:///etc/passwd"), ErrorCode.UNSAFE_XML),
    "document type in styles": Bad(
        "a.docx",
        lambda: made.with_part(made.docx_of("正文。"), "word/styles.xml", b"<!DOCTYPE a []><a/>"),
        ErrorCode.UNSAFE_XML,
    ),
    "ten thousand pages": Bad("a.pdf", lambda: made.blank_pages_pdf(10_000), ErrorCode.TOO_MANY_PAGES),
    "cut docx": Bad("a.docx", lambda: made.paper_docx(characters=2000)[:-2000], ErrorCode.BROKEN_FILE),
    "broken document.xml": Bad(
        "a.docx",
        lambda: made.with_part(made.docx_of(), "word/document.xml", b"<w:document"),
        ErrorCode.BROKEN_FILE,
    ),
    "docx without its document": Bad(
        "a.docx", lambda: made.zip_of(word_a=b"", **{"word/styles__xml": b""}), ErrorCode.BROKEN_FILE
    ),
    "cut pdf": Bad("a.pdf", lambda: made.pdf_of("正文。")[:300], ErrorCode.BROKEN_FILE),
    "only a pdf header": Bad("a.pdf", lambda: b"%PDF-1.7\n", ErrorCode.BROKEN_FILE),
    "tables in tables": Bad("a.docx", lambda: _nested_tables(60), ErrorCode.TOO_COMPLEX),
    "tables beyond the stack": Bad("a.docx", lambda: _nested_tables(20_000), ErrorCode.TOO_COMPLEX),
    "too many tags": Bad(
        "a.docx",
        lambda: made.body_docx("<w:p/>" * 5000),
        ErrorCode.TOO_COMPLEX,
        replace(DEFAULT_LIMITS, xml_tags=4000),
    ),
    "noise named txt": Bad("a.txt", lambda: bytes(range(256)) * 40, ErrorCode.UNDECODABLE_TEXT),
    "a million of one character": Bad("a.txt", lambda: ("啊" * 1_000_000).encode(), ErrorCode.TOO_LONG),
    "a million in markdown": Bad("a.md", lambda: b"*" * 1_000_000, ErrorCode.TOO_LONG),
    "a million in docx": Bad("a.docx", lambda: made.docx_of("a" * 1_000_000), ErrorCode.TOO_LONG),
    "a million in pdf": Bad(
        "a.pdf", lambda: made.pdf_of(*["a" * 100] * 50, pages=200, size=9), ErrorCode.TOO_LONG
    ),
    "too long for the plan": Bad(
        "a.md", lambda: ("很长。" * 100).encode(), ErrorCode.TOO_LONG, replace(DEFAULT_LIMITS, characters=200)
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_each_bad_file_has_its_own_clear_error(bad: Bad) -> None:
    data = bad.data()
    started = time.monotonic()
    with pytest.raises(ExtractionError) as caught:
        extract_file(data=data, filename=bad.filename, limits=bad.limits)
    assert caught.value.code is bad.code
    assert time.monotonic() - started < SECONDS
    sentences = ERROR_TEXTS[caught.value.code]
    assert "%(" not in sentences.what_happened % caught.value.parameters
    assert "%(" not in sentences.what_to_do % caught.value.parameters


def test_a_renamed_file_is_told_what_it_is() -> None:
    with pytest.raises(ExtractionError) as caught:
        extract_file(data=made.pdf_of("正文。"), filename="秘密.docx")
    told = ERROR_TEXTS[caught.value.code].what_happened % caught.value.parameters
    assert told == "The file is named .docx, but its content is: a PDF document."
    assert "秘密" not in repr(caught.value)


@pytest.mark.parametrize("text", ["", " \n\t", "\u3000"])
def test_a_pasted_text_without_text_is_refused(text: str) -> None:
    with pytest.raises(ExtractionError) as caught:
        extract_text(text)
    assert caught.value.code is ErrorCode.EMPTY_TEXT


def test_a_pasted_text_has_its_limit() -> None:
    limit = DEFAULT_LIMITS.characters
    assert len(extract_text("字" * limit).text) == limit
    with pytest.raises(ExtractionError) as caught:
        extract_text("字" * (limit + 1))
    assert caught.value.code is ErrorCode.TOO_LONG


@pytest.mark.parametrize(
    "pattern", ["啊", "a", " ", "*", "`", "[", "<!--", "#", "> ", "- ", "|", "_a", "$$\n", "```a\n", "("]
)
@pytest.mark.parametrize("filename", ["a.txt", "a.md"])
def test_as_much_of_one_thing_as_is_allowed_is_read_quickly(pattern: str, filename: str) -> None:
    text = "起" + pattern * ((DEFAULT_LIMITS.characters - 2) // len(pattern)) + "止"
    started = time.monotonic()
    document = extract_file(data=text.encode(), filename=filename)
    assert time.monotonic() - started < SECONDS
    assert document.text[0] == "起"
    assert document.text[-1] == "止"


def test_every_code_has_its_sentences_and_needs_no_more_than_the_error_gives() -> None:
    assert set(ERROR_TEXTS) == set(ErrorCode)
    given = {"limit_megabytes", "limit_characters", "pages", "limit_pages", "extension", "actual"}
    for sentences in ERROR_TEXTS.values():
        wanted = re.findall(r"%\((\w+)\)s", sentences.what_happened + sentences.what_to_do)
        assert set(wanted) <= given


def test_every_code_is_reached_by_a_bad_file_and_documented() -> None:
    assert {bad.code for bad in BAD.values()} == set(ErrorCode)
    documentation = (Path(__file__).parents[2] / "docs" / "input.md").read_text("utf-8")
    documented = re.findall(r"^\| `(\w+)` \|", documentation, re.MULTILINE)
    assert documented == [code.value for code in ErrorCode]


def test_an_error_crosses_from_the_process_that_extracts() -> None:
    error = ExtractionError(ErrorCode.TOO_LONG, limit_characters=5)
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.code, copy.parameters) == (error.code, error.parameters)


def test_nothing_of_a_zip_is_unpacked_before_it_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    def unpack(*_: object, **__: object) -> None:
        raise AssertionError("unpacked")

    bomb = _zip_bomb()
    monkeypatch.setattr(zipfile.ZipFile, "open", unpack)
    with pytest.raises(ExtractionError) as caught:
        extract_file(data=bomb, filename="a.docx")
    assert caught.value.code is ErrorCode.ZIP_BOMB


def test_macros_and_missing_pictures_do_no_harm() -> None:
    document = made.with_part(made.docx_of("正文在这里。"), "word/vbaProject.bin", b"Sub AutoOpen()\n")
    relations = made.part_of(document, "word/_rels/document.xml.rels").decode()
    missing = '<Relationship Id="rId99" Type="http://x/relationships/image" Target="NULL"/></Relationships>'
    document = made.with_part(
        document, "word/_rels/document.xml.rels", relations.replace("</Relationships>", missing).encode()
    )
    assert extract_file(data=document, filename="a.docx").text == "正文在这里。"
