"""How the pages of a PDF become one text: lines joined, columns in order, margins and watermarks left out."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from pypdf import PdfReader
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from detection.extraction.extract import extract_file
from detection.extraction.pdf_paragraphs import joined
from detection.scoring.types import BlockKind, ExtractedDocument
from tests.extraction import made_files as made
from tests.extraction.reading import assert_covered, texts

PROSE = made.paper(characters=4_000).prose
ENGLISH = (
    "A small library that opens in the evening serves readers whom the larger ones never see. They come "
    "after work, often with children, and they stay until the lights go out.",
    "Nobody had counted them before. We did so for three winters, by hand, and wrote down what they asked "
    "for; the list is short and surprisingly stable, with well-known titles at its head.",
    "Whether the same holds elsewhere we cannot say. The towns we studied are alike in size, and the people "
    "who answered our questions were those who had already found the door.",
)
Draw = Callable[[Canvas, int], None]


def read(data: bytes) -> ExtractedDocument:
    document = extract_file(data=data, filename="paper.pdf")
    assert_covered(document)
    return document


def drawn(draw: Draw, *, pages: int = 1, turned: int = 0) -> bytes:
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=A4)
    for number in range(pages):
        canvas.setPageRotation(turned)
        canvas.setFont(made.FONT, 12)
        draw(canvas, number)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def write(canvas: Canvas, text: str, *, top: float = 760, width: int = 36) -> float:
    """One paragraph, cut at so many characters; returns where the next line would stand."""
    indented = "　　" + text
    for start in range(0, len(indented), width):
        canvas.drawString(72, top, indented[start : start + width])
        top -= 20
    return top


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("alignment", [0, 4], ids=["ragged", "justified"])
def test_chinese_paragraphs_are_whole_and_in_order(columns: int, alignment: int) -> None:
    style = ParagraphStyle("set", parent=made.BODY, alignment=alignment)
    story = [Paragraph(text, style) for text in PROSE]
    document = read(made.laid_out(story, header=made.HEADER, columns=columns))
    assert texts(document) == list(PROSE)


@pytest.mark.parametrize("columns", [1, 2])
def test_english_words_are_kept_apart_and_paragraphs_whole(columns: int) -> None:
    style = ParagraphStyle("set", fontName="Times-Roman", fontSize=11, leading=14, firstLineIndent=18)
    story = [Paragraph(text, style) for text in ENGLISH]
    assert texts(read(made.laid_out(story, columns=columns))) == list(ENGLISH)


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        ("一行到这里", "还没有完", "一行到这里还没有完"),
        ("使用了", "BERT", "使用了BERT"),
        ("the first", "line", "the first line"),
        ("a detec-", "tion", "a detection"),
        ("a detec\u00ad", "tion", "a detection"),
        ("a well-", "known one", "a well-known one"),
        ("the years 2001-", "2005", "the years 2001-2005"),
        ("约有3.", "5成", "约有3.5成"),
        ("a line —", "“quoted”", "a line — “quoted”"),
    ],
)
def test_how_two_lines_become_one(before: str, after: str, whole: str) -> None:
    assert joined(before, after, frozenset({"well-known"})) == whole


def test_the_title_is_what_is_set_largest_on_the_first_page() -> None:
    data = made.paper_pdf(characters=2_000, title="一个由测试起的题目")
    document = read(data)
    assert document.title == "一个由测试起的题目"
    assert document.page_count == len(PdfReader(io.BytesIO(data)).pages)


def test_headers_and_page_numbers_go_and_the_text_runs_on() -> None:
    def page(canvas: Canvas, number: int) -> None:
        canvas.drawString(72, 800, f"学报 第{number + 12}期")
        canvas.drawString(72, 740, f"这一页的正文是第{'一二三'[number]}段。")
        canvas.drawString(290, 40, f"{number + 1} / 3")

    assert texts(read(drawn(page, pages=3))) == [
        "这一页的正文是第一段。这一页的正文是第二段。这一页的正文是第三段。"
    ]


def test_a_line_repeated_within_the_text_is_no_header() -> None:
    data = made.pdf_of(*["重复的一行"] * 37, pages=2)
    assert read(data).text.count("重复的一行") == 74


def test_notes_at_the_foot_do_not_interrupt_the_paragraph() -> None:
    def page(canvas: Canvas, number: int) -> None:
        if number == 0:
            write(canvas, PROSE[1][:104], top=200)
            write(canvas, PROSE[2], top=760)
            canvas.setFont(made.FONT, 9)
            canvas.drawString(72, 90, "① 这是一个脚注，写在第一页的最下面。")
        else:
            rest = PROSE[1][104:]
            for start in range(0, len(rest), 36):
                canvas.drawString(72, 760 - start / 36 * 20, rest[start : start + 36])

    document = read(drawn(page, pages=2))
    assert texts(document) == [PROSE[2], PROSE[1], "① 这是一个脚注，写在第一页的最下面。"]
    assert texts(document, BlockKind.FOOTNOTE) == ["① 这是一个脚注，写在第一页的最下面。"]


def test_a_watermark_across_the_page_is_not_read() -> None:
    def page(canvas: Canvas, number: int) -> None:
        write(canvas, PROSE[number + 1])
        canvas.translate(300, 400)
        canvas.rotate(45)
        canvas.setFont(made.FONT, 40)
        canvas.drawString(-100, 0, "内部资料")

    assert texts(read(drawn(page, pages=2))) == [PROSE[1], PROSE[2]]


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_a_turned_page_is_read_as_if_upright(quarter_turns: int) -> None:
    def page(canvas: Canvas, _: int) -> None:
        origin = {1: (A4[0], 0), 2: A4, 3: (0, A4[1])}[quarter_turns]
        canvas.translate(*origin)
        canvas.rotate(90 * quarter_turns)
        bottom = write(canvas, PROSE[1], top=560)
        write(canvas, PROSE[2], top=bottom)

    assert texts(read(drawn(page, turned=90 * quarter_turns))) == [PROSE[1], PROSE[2]]


@pytest.mark.parametrize("quarter_turns", [1, 3])
def test_a_turned_page_is_read_where_no_font_has_a_glyph_of_it(quarter_turns: int) -> None:
    """Which is so on a machine without Chinese fonts: quotes and digits, which any font has, are left out."""
    plain = "".join(character for character in PROSE[1] if "\u4e00" <= character <= "\u9fff") + "。"

    def page(canvas: Canvas, _: int) -> None:
        canvas.translate(*{1: (A4[0], 0), 3: (0, A4[1])}[quarter_turns])
        canvas.rotate(90 * quarter_turns)
        write(canvas, plain, top=560)

    assert texts(read(drawn(page, turned=90 * quarter_turns))) == [plain]


def test_contents_formula_and_code_are_known_by_their_look() -> None:
    def page(canvas: Canvas, _: int) -> None:
        canvas.drawString(250, 800, "目　录")
        canvas.drawString(72, 780, "第一章 绪论" + "." * 60 + "1")
        canvas.drawString(72, 760, "参考文献" + "." * 62 + "40")
        top = write(canvas, PROSE[1], top=720)
        canvas.drawString(200, top, "E = mc²")
        canvas.drawString(480, top, "(1)")
        top = write(canvas, PROSE[2], top=top - 20)
        canvas.setFont("Courier", 10)
        canvas.drawString(72, top - 20, "for reader in readers:")
        canvas.drawString(90, top - 32, "count(reader)")

    document = read(drawn(page))
    assert len(texts(document, BlockKind.CONTENTS)) == 3
    assert texts(document, BlockKind.PROSE) == [PROSE[1], PROSE[2]]
    assert texts(document, BlockKind.FORMULA) == ["E = mc²\t(1)"]
    assert texts(document, BlockKind.CODE) == ["for reader in readers:\ncount(reader)"]


def test_direction_and_zero_width_marks_survive() -> None:
    document = read(made.pdf_of("零\u200b宽字符与\u202e倒写都在。"))
    assert "\u200b" in document.text


def test_a_pdf_that_only_forbids_copying_is_read() -> None:
    assert read(made.encrypted_pdf(password="", owner="besitzer")).text == "受密码保护的内容。"
