"""What Word writes around and inside the text of a document."""

from __future__ import annotations

from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Pt

from detection.extraction.extract import extract_file
from detection.scoring.types import BlockKind, ExtractedDocument
from tests.extraction import made_files as made
from tests.extraction.reading import assert_covered, kinds, texts

LONG = "这一段写了许多句子。每一句都有自己的主语和谓语；每一句也都以句号结束。" * 4


def read(data: bytes) -> ExtractedDocument:
    document = extract_file(data=data, filename="paper.docx")
    assert_covered(document)
    return document


def body(xml: str) -> ExtractedDocument:
    return read(made.body_docx(xml))


def p(text: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def test_named_styles_say_what_a_paragraph_is() -> None:
    document = Document()
    document.add_paragraph("论文的题目", style="Title")
    document.add_heading("一级标题", level=1)
    document.add_heading("三级标题", level=3)
    document.add_paragraph("别人说过的话。", style="Intense Quote")
    document.add_paragraph("图1 示意图", style="Caption")
    document.add_paragraph("列表中的一项。", style="List Bullet")
    code = document.styles.add_style("Source Code", 1)
    document.add_paragraph("print(1)", style=code)
    document.styles.add_style("My Code", 1).base_style = code
    document.add_paragraph("print(2)", style="My Code")
    document.styles.add_style("Bibliography", 1)
    document.add_paragraph("某人. 某书.", style="Bibliography")
    document.add_paragraph("正文。")
    extracted = read(made.saved(document))
    assert extracted.title == "论文的题目"
    assert kinds(extracted) == {
        "论文的题目": BlockKind.HEADING,
        "一级标题": BlockKind.HEADING,
        "三级标题": BlockKind.HEADING,
        "别人说过的话。": BlockKind.QUOTATION,
        "图1 示意图": BlockKind.CAPTION,
        "列表中的一项。": BlockKind.PROSE,
        "print(1)": BlockKind.CODE,
        "print(2)": BlockKind.CODE,
        "某人. 某书.": BlockKind.REFERENCE,
        "正文。": BlockKind.PROSE,
    }


def test_layout_speaks_where_styles_are_missing() -> None:
    document = Document()
    title = document.add_paragraph()
    title.alignment = WD_ALIGN_PARAGRAPH.CENTER
    run = title.add_run("没有样式的题目")
    run.font.size = Pt(18)
    document.add_paragraph().add_run("加粗的小标题").bold = True
    document.add_paragraph("正文里有").add_run("加粗的词").bold = True
    document.add_paragraph().add_run("x = compute(1)").font.name = "Courier New"
    extracted = read(made.saved(document))
    assert extracted.title == "没有样式的题目"
    assert texts(extracted, BlockKind.HEADING) == ["没有样式的题目", "加粗的小标题"]
    assert texts(extracted, BlockKind.PROSE) == ["正文里有加粗的词"]
    assert texts(extracted, BlockKind.CODE) == ["x = compute(1)"]


def test_an_outline_level_makes_a_heading() -> None:
    document = body(p("绪论部分", '<w:outlineLvl w:val="0"/>') + p("正文。", '<w:outlineLvl w:val="9"/>'))
    assert texts(document, BlockKind.HEADING) == ["绪论部分"]


def test_long_prose_cannot_hide_behind_a_style() -> None:
    document = Document()
    document.add_heading(LONG, level=1)
    document.add_paragraph(LONG, style="Caption")
    document.add_paragraph().add_run(LONG).font.name = "Courier New"
    table = document.add_table(rows=1, cols=2)
    table.cell(0, 0).text = "研究内容"
    table.cell(0, 1).text = LONG
    extracted = read(made.saved(document))
    assert texts(extracted, BlockKind.PROSE) == [LONG] * 4
    assert texts(extracted, BlockKind.TABLE) == ["研究内容"]


def test_a_table_of_one_column_is_a_frame_around_text() -> None:
    document = Document()
    document.add_table(rows=1, cols=1).cell(0, 0).text = "框里的一段正文。"
    assert texts(read(made.saved(document)), BlockKind.PROSE) == ["框里的一段正文。"]


def test_headers_and_footers_are_left_out() -> None:
    document = Document()
    document.sections[0].header.paragraphs[0].text = "页眉"
    document.sections[0].footer.paragraphs[0].text = "页脚"
    document.add_paragraph("正文。")
    assert read(made.saved(document)).text == "正文。"


def test_tracked_changes_are_read_as_if_accepted() -> None:
    document = body(
        "<w:p><w:r><w:t>保留</w:t></w:r><w:del><w:r><w:delText>删去</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>新增</w:t></w:r></w:ins>"
        "<w:moveFrom><w:r><w:t>移走</w:t></w:r></w:moveFrom><w:moveTo><w:r><w:t>移来</w:t></w:r></w:moveTo></w:p>"
    )
    assert document.text == "保留新增移来"


def test_hidden_text_and_field_instructions_are_not_read() -> None:
    document = body(
        "<w:p><w:r><w:t>看得见</w:t></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>看不见</w:t></w:r>"
        '<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t>也看得见</w:t></w:r>'
        "<w:r><w:instrText>PAGEREF 1</w:instrText></w:r></w:p>"
    )
    assert document.text == "看得见也看得见"


def test_breaks_tabs_links_and_content_controls_are_read() -> None:
    document = body(
        "<w:p><w:r><w:t>甲</w:t><w:tab/><w:t>乙</w:t><w:br/><w:t>丙</w:t></w:r>"
        "<w:hyperlink><w:r><w:t>链接</w:t></w:r></w:hyperlink></w:p>"
        f"<w:sdt><w:sdtContent>{p('控件里的正文。')}</w:sdtContent></w:sdt>"
    )
    assert texts(document) == ["甲\t乙\n丙链接", "控件里的正文。"]


def test_the_table_of_contents_is_known() -> None:
    gallery = '<w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj>'
    entries = p("目录") + p("第一章 绪论\t1")
    document = body(
        f"<w:sdt><w:sdtPr>{gallery}</w:sdtPr><w:sdtContent>{entries}</w:sdtContent></w:sdt>"
        + p("第二章 方法……………………12")
        + p("正文。")
    )
    assert texts(document, BlockKind.CONTENTS) == ["目录", "第一章 绪论\t1", "第二章 方法……………………12"]
    assert texts(document, BlockKind.PROSE) == ["正文。"]


def test_a_formula_alone_is_a_formula_and_within_a_sentence_belongs_to_it() -> None:
    formula = "<m:oMath><m:r><m:t>E=m</m:t></m:r><m:sSup><m:e><m:r><m:t>c</m:t></m:r></m:e>"
    formula += "<m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup></m:oMath>"
    document = body(
        f"<w:p><m:oMathPara>{formula}</m:oMathPara></w:p>"
        f"<w:p>{formula}<w:r><w:tab/><w:t>(3)</w:t></w:r></w:p>"
        f"<w:p><w:r><w:t>质能关系写作</w:t></w:r>{formula}<w:r><w:t>，这是众所周知的。</w:t></w:r></w:p>"
    )
    assert texts(document, BlockKind.FORMULA) == ["E=mc2", "E=mc2\t(3)"]
    assert texts(document, BlockKind.PROSE) == ["质能关系写作E=mc2，这是众所周知的。"]


def test_notes_follow_the_paragraph_that_refers_to_them_and_are_read_once() -> None:
    reference = '<w:footnoteReference w:id="2"/>'
    notes = (
        '<w:footnotes xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        f'<w:footnote w:id="2">{p("这是脚注。")}<w:p><w:r>{reference}</w:r></w:p></w:footnote>'
        f'<w:footnote w:id="3">{p("没有引用。")}</w:footnote>'
        "</w:footnotes>"
    )
    data = made.body_docx(
        f"<w:p><w:r><w:t>正文一。</w:t>{reference}</w:r></w:p><w:p><w:r><w:t>正文二。</w:t>{reference}</w:r></w:p>"
    )
    relations = made.part_of(data, "word/_rels/document.xml.rels").decode()
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
    relation = f'<Relationship Id="rId77" Type="{kind}" Target="footnotes.xml"/></Relationships>'
    data = made.with_part(data, "word/footnotes.xml", notes.encode())
    data = made.with_part(
        data, "word/_rels/document.xml.rels", relations.replace("</Relationships>", relation).encode()
    )
    document = read(data)
    assert texts(document) == ["正文一。", "这是脚注。", "正文二。"]
    assert texts(document, BlockKind.FOOTNOTE) == ["这是脚注。"]


def test_a_text_box_is_read_once() -> None:
    box = f"<w:txbxContent>{p('框中的话。')}</w:txbxContent>"
    document = body(
        "<w:p><w:r><w:t>前文。</w:t></w:r><w:r><mc:AlternateContent>"
        f"<mc:Choice Requires='wps'><w:drawing><wps:txbx>{box}</wps:txbx></w:drawing></mc:Choice>"
        f"<mc:Fallback><w:pict>{box}</w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )
    assert texts(document) == ["前文。", "框中的话。"]


def test_cover_and_declaration_are_not_the_authors_prose() -> None:
    declaration = "本人郑重声明：所呈交的论文是本人在导师指导下独立完成的。除文中注明之外，不含他人成果。"
    document = body(
        p("某某大学本科毕业论文")
        + p("县域图书馆研究")
        + p("学　　号：20190001")
        + p("指导教师：某某　教授")
        + p("独创性声明")
        + p(declaration)
        + p("摘　要")
        + p(LONG)
        + p("关键词：图书馆；夜间")
        + p("第一章　绪论")
        + p("姓名：这里已经是正文。")
    )
    cover = ["某某大学本科毕业论文", "县域图书馆研究", "学　　号：20190001", "指导教师：某某　教授"]
    assert texts(document, BlockKind.COVER) == [*cover, "独创性声明", declaration, "关键词：图书馆；夜间"]
    assert texts(document, BlockKind.PROSE) == ["摘　要", LONG, "第一章　绪论", "姓名：这里已经是正文。"]


def test_a_declaration_is_a_form_but_hides_no_more_than_a_form_holds() -> None:
    heading = p("学位论文使用授权书")
    assert texts(body(p("引言") + p(LONG) + heading + p(LONG)), BlockKind.PROSE) == ["引言", LONG]
    paper = LONG * 10
    assert texts(body(p("引言") + p(LONG) + heading + p(paper)), BlockKind.PROSE) == ["引言", LONG, paper]


def test_nothing_but_short_lines_is_no_cover() -> None:
    document = body(p("日期：今天") + p("作者：春天") + p("来了"))
    assert texts(document, BlockKind.COVER) == []


def test_both_standards_of_the_format_are_read() -> None:
    strict = made.part_of(made.docx_of("严格格式的正文。")).replace(
        b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        b"http://purl.oclc.org/ooxml/wordprocessingml/main",
    )
    assert read(made.with_part(made.docx_of(), "word/document.xml", strict)).text == "严格格式的正文。"


def test_the_main_part_may_have_another_name() -> None:
    data = made.docx_of("换了名字的正文。")
    relations = made.part_of(data, "_rels/.rels").replace(b"word/document.xml", b"word/document2.xml")
    data = made.with_part(data, "word/document2.xml", made.part_of(data))
    data = made.with_part(data, "word/document.xml", made.part_of(made.docx_of("旧的。")))
    assert read(made.with_part(data, "_rels/.rels", relations)).text == "换了名字的正文。"
