"""Plain text in every encoding people save it in, and what was pasted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.extraction.errors import ErrorCode, ExtractionError
from detection.extraction.extract import extract_file, extract_text
from tests.extraction import made_files as made
from tests.extraction.reading import assert_covered, texts

CHINESE = "\n".join(made.paper(characters=600).prose)
TRADITIONAL = (
    "這是一份關於圖書館夜間服務的調查報告，受訪的讀者認為座位是否安靜最為重要。\n"
    "數據與我們最初的設想並不一致。"
)
MIXED = "我们用 BERT 模型重复了 “实验”，结果——与 2019 年的 3.5% 不同。"


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "gbk"],
)
@pytest.mark.parametrize("text", [CHINESE, MIXED, "今天天气很好。", "第一行\n第二行"])
def test_chinese_is_read_in_every_encoding(text: str, encoding: str) -> None:
    assert extract_file(data=text.encode(encoding), filename="a.txt").text == text


@pytest.mark.parametrize("encoding", ["big5", "gbk", "utf-8", "utf-16-le"])
def test_traditional_characters_are_read(encoding: str) -> None:
    assert extract_file(data=TRADITIONAL.encode(encoding), filename="a.txt").text == TRADITIONAL


@pytest.mark.parametrize("text", ["這是測試。", "圖書館晚上開放到幾點？"])
def test_a_short_text_in_big5_is_read(text: str) -> None:
    assert extract_file(data=text.encode("big5"), filename="a.txt").text == text


def test_english_from_an_old_windows_program_is_read() -> None:
    text = "It’s a small library – the readers don’t mind. “Quiet” is what they ask for, again and again."
    assert extract_file(data=text.encode("cp1252"), filename="a.txt").text == text


def test_big_endian_utf16_with_a_mark_is_read() -> None:
    data = "\ufeff今天天气很好。".encode("utf-16-be")
    assert extract_file(data=data, filename="a.txt").text == "今天天气很好。"


def test_a_file_cut_within_a_character_is_still_read() -> None:
    data = CHINESE.encode()[:-1]
    assert extract_file(data=data, filename="a.txt").text == CHINESE[:-1] + "\ufffd"


@pytest.mark.parametrize("filename", ["a.txt", "a.md"])
def test_nuls_lone_surrogates_and_carriage_returns_are_cleaned(filename: str) -> None:
    text = "第一行\x00有空字符\r\n第二行\ud83d有半个字符\r第三行\x07响铃\n"
    document = extract_file(data=text.encode("utf-8", "surrogatepass"), filename=filename)
    assert document.text.strip() == "第一行有空字符\n第二行有半个字符\n第三行响铃"
    document.text.encode()


def test_lone_surrogates_in_utf16_are_cleaned() -> None:
    data = b"\xff\xfe" + "前面\udc00后面".encode("utf-16-le", "surrogatepass")
    assert extract_file(data=data, filename="a.txt").text == "前面后面"


@pytest.mark.parametrize("filename", ["a.txt", "a.md"])
def test_direction_and_zero_width_marks_stay_for_the_scoring_to_see(filename: str) -> None:
    text = "零\u200b宽\u200d字符与\u202e倒写\u202c，以及 שלום עולם。"
    assert extract_file(data=text.encode(), filename=filename).text == text


def test_every_line_is_a_block_and_the_text_stays_as_it_is() -> None:
    text = "标题\n\n　　第一段。\n第二段。  \n"
    document = extract_file(data=text.encode(), filename="a.txt")
    assert document.text == text
    assert texts(document) == ["标题", "第一段。", "第二段。"]
    assert document.title == "标题"
    assert_covered(document)


def test_offsets_into_a_pasted_text_hold_for_the_text_as_it_was_sent() -> None:
    sent = "甲\x00乙\r\n\r\n丙\ud800丁。\r戊。"
    document = extract_text(sent)
    assert len(document.text) == len(sent)
    assert document.text == "甲\ufffd乙 \n \n丙\ufffd丁。\n戊。"
    assert texts(document) == ["甲\ufffd乙", "丙\ufffd丁。", "戊。"]
    last = document.blocks[-1]
    assert sent[last.start : last.end] == "戊。"


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1, max_size=400))
def test_any_pasted_text_is_covered_or_empty(text: str) -> None:
    try:
        document = extract_text(text)
    except ExtractionError as error:
        assert error.code is ErrorCode.EMPTY_TEXT
        return
    assert_covered(document)
    document.text.encode()
    assert "\0" not in document.text


@settings(max_examples=150, deadline=None)
@given(st.binary(min_size=1, max_size=400), st.sampled_from(["a.txt", "a.md", "a.docx", "a.pdf"]))
def test_any_bytes_are_read_or_refused(data: bytes, filename: str) -> None:
    try:
        assert_covered(extract_file(data=data, filename=filename))
    except ExtractionError as error:
        assert error.code in ErrorCode
