"""Files for tests, made on the spot: papers of any length as .docx and .pdf, and files that should fail.

Every sentence is put together here from a few words; nothing comes from a corpus.
"""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import parse_xml
from docx.shared import Pt
from PIL import Image
from pypdf import PdfReader, PdfWriter
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate, Paragraph, Spacer, Table

TITLE = "县域公共图书馆夜间服务的需求与供给研究"
HEADER = "某某大学学报（社会科学版）"
FORMULA = "S = αD + β(1−R)"
CAPTION = "表1 三类读者的到馆次数"
TABLE_ROWS = (
    ("读者类别", "样本数", "平均次数"),
    ("学生", "128", "4.2"),
    ("职工", "96", "2.7"),
    ("退休人员", "54", "5.9"),
)
ACKNOWLEDGEMENT = "感谢三位馆员在调查期间的帮助，他们在闭馆之后仍然耐心地回答了所有问题。"
REFERENCES = (
    "[1] 林某. 夜间阅读空间的营造[J]. 图书馆研究, 2019, 12(3): 45-51.",
    "[2] 周某, 何某. 县级馆开放时间调查[M]. 某地: 某出版社, 2021: 88-97.",
    "[3] Smith A, Jones B. Evening hours in small libraries[J]. Library Notes, 2020, 7(2): 11-19.",
)
SECTIONS = ("引言", "研究设计", "结果与分析", "讨论", "结论")

_SUBJECTS = (
    "县级图书馆",
    "受访的读者",
    "夜间值班的馆员",
    "基层文化部门",
    "住在城郊的学生",
    "社区志愿者",
    "本次调查",
    "下班后的职工",
)
_TIMES = (
    "在工作日的晚上",
    "到了周末",
    "从去年秋天开始",
    "在开放时间延长以后",
    "与白天相比",
    "就目前的情况来看",
)
_VERBS = ("更看重", "很少提到", "逐渐接受了", "希望改善", "需要重新考虑", "普遍认可", "仍然担心")
_OBJECTS = (
    "座位是否安静",
    "回家路上的安全",
    "借还手续的快慢",
    "灯光和空调的舒适程度",
    "馆藏更新的速度",
    "与孩子同来的可能",
)
_TAILS = (
    "这一点在三个乡镇的记录里都能看到",
    "原因并不复杂",
    "不过样本有限，结论只能算初步的",
    "访谈时有人反复说起这件事",
    "数据与我们最初的设想并不一致",
    "约有3.5成的人给出了相同的回答",
    "后来用SPSS做了检验，差异是显著的",
)


@dataclass(frozen=True)
class Paper:
    """What stands in a made paper, so that a test can compare."""

    title: str
    abstract: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]  # heading, paragraphs

    @property
    def prose(self) -> tuple[str, ...]:
        return (self.abstract, *(paragraph for _, paragraphs in self.sections for paragraph in paragraphs))


def sentences(seed: int = 0) -> Iterator[str]:
    """Chinese sentences without end, the same for the same seed."""
    chosen = random.Random(seed)
    while True:
        parts = [chosen.choice(words) for words in (_TIMES, _SUBJECTS, _VERBS, _OBJECTS, _TAILS)]
        time, subject, verb, thing, tail = parts
        yield chosen.choice(
            (
                f"{time}，{subject}{verb}{thing}，{tail}。",
                f"{subject}{verb}{thing}；{time}，{tail}。",
                f"{subject}说：“{time}，大家{verb}{thing}。”{tail}。",
            )
        )


def paper(*, characters: int = 10_000, title: str = TITLE, seed: int = 0) -> Paper:
    """A paper whose abstract and sections hold at least `characters` characters of prose."""
    supply = sentences(seed)
    lengths = random.Random(seed + 1)

    def paragraph() -> str:
        return "".join(next(supply) for _ in range(lengths.randint(3, 7)))

    abstract = "摘要：" + paragraph()
    written = len(abstract)
    paragraphs: list[str] = []
    while written < characters or len(paragraphs) < len(SECTIONS):
        paragraphs.append(paragraph())
        written += len(paragraphs[-1])
    share = -(-len(paragraphs) // len(SECTIONS))
    cut = [tuple(paragraphs[i * share : (i + 1) * share]) for i in range(len(SECTIONS))]
    return Paper(title, abstract, tuple((f"{i}　{SECTIONS[i - 1]}", cut[i - 1]) for i in range(1, 6)))


def paper_docx(*, characters: int = 10_000, title: str = TITLE, seed: int = 0) -> bytes:
    """A paper as Word writes it: styles, table, formula, caption, footnote-free, header and page number."""
    content = paper(characters=characters, title=title, seed=seed)
    document = Document()
    document.sections[0].header.paragraphs[0].text = HEADER
    document.sections[0].footer.paragraphs[0].text = "第 1 页"
    document.add_paragraph(content.title, style="Title").alignment = WD_ALIGN_PARAGRAPH.CENTER
    document.add_paragraph(
        "甲某，乙某（某某大学 公共管理学院，某地 100000）"
    ).alignment = WD_ALIGN_PARAGRAPH.CENTER
    document.add_paragraph(content.abstract)
    document.add_paragraph("关键词：公共图书馆；夜间服务；需求")
    for number, (heading, paragraphs) in enumerate(content.sections):
        document.add_heading(heading, level=1)
        for paragraph in paragraphs:
            document.add_paragraph(paragraph).paragraph_format.first_line_indent = Pt(24)
        if number == 1:
            _add_formula(document.add_paragraph())
        if number == 2:
            document.add_paragraph(CAPTION, style="Caption")
            table = document.add_table(rows=0, cols=3)
            for row in TABLE_ROWS:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
    document.add_heading("致谢", level=1)
    document.add_paragraph(ACKNOWLEDGEMENT)
    document.add_heading("参考文献", level=1)
    for reference in REFERENCES:
        document.add_paragraph(reference)
    return saved(document)


def saved(document: object) -> bytes:
    stream = io.BytesIO()
    document.save(stream)  # type: ignore[attr-defined]
    return stream.getvalue()


def _add_formula(paragraph: object) -> None:
    namespace = "http://schemas.openxmlformats.org/officeDocument/2006/math"
    formula = f"<m:oMath><m:r><m:t>{FORMULA}</m:t></m:r></m:oMath>"
    paragraph._p.append(  # type: ignore[attr-defined]
        parse_xml(f'<m:oMathPara xmlns:m="{namespace}">{formula}</m:oMathPara>')
    )


def docx_of(*paragraphs: str) -> bytes:
    document = Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    return saved(document)


def zip_of(**members: bytes) -> bytes:
    """A zip file of members named with their dots as two underscores."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return stream.getvalue()


def with_part(docx: bytes, name: str, content: bytes) -> bytes:
    """The same package with one part added or replaced."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(docx)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            if entry.filename != name:
                new.writestr(entry.filename, old.read(entry))
        new.writestr(name, content)
    return stream.getvalue()


def part_of(docx: bytes, name: str = "word/document.xml") -> bytes:
    with zipfile.ZipFile(io.BytesIO(docx)) as archive:
        return archive.read(name)


def body_docx(body: str) -> bytes:
    """A .docx whose body is the given WordprocessingML, with prefixes w, m, mc, wps."""
    root = (
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
        ' xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
        ' xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
        ' xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape">'
        f"<w:body>{body}</w:body></w:document>"
    )
    return with_part(docx_of(), "word/document.xml", root.encode())


FONT = "STSong-Light"
pdfmetrics.registerFont(UnicodeCIDFont(FONT))
BODY = ParagraphStyle(
    "body", fontName=FONT, fontSize=10.5, leading=18, firstLineIndent=21, wordWrap="CJK", alignment=0
)
SMALL = ParagraphStyle("small", parent=BODY, fontSize=9, leading=14, firstLineIndent=0)
HEADING = ParagraphStyle(
    "heading", parent=BODY, fontSize=14, leading=22, firstLineIndent=0, spaceBefore=10, spaceAfter=6
)
PAPER_TITLE = ParagraphStyle("title", parent=HEADING, fontSize=18, leading=28, alignment=1)
CENTRED = ParagraphStyle("centred", parent=SMALL, alignment=1)


def paper_pdf(*, characters: int = 10_000, title: str = TITLE, seed: int = 0) -> bytes:
    """A paper as a PDF of A4 pages, with a running header and page numbers."""
    content = paper(characters=characters, title=title, seed=seed)
    story: list[Flowable] = [
        Paragraph(content.title, PAPER_TITLE),
        Paragraph("甲某，乙某（某某大学 公共管理学院，某地 100000）", CENTRED),
        Spacer(1, 12),
        Paragraph(content.abstract, BODY),
        Paragraph("关键词：公共图书馆；夜间服务；需求", SMALL),
    ]
    for number, (heading, paragraphs) in enumerate(content.sections):
        story.append(Paragraph(heading, HEADING))
        story.extend(Paragraph(paragraph, BODY) for paragraph in paragraphs)
        if number == 1:
            story.append(Paragraph(FORMULA, CENTRED))
        if number == 2:
            story.append(Paragraph(CAPTION, CENTRED))
            story.append(
                Table([list(row) for row in TABLE_ROWS], style=[("FONT", (0, 0), (-1, -1), FONT, 9)])
            )
    story += [Paragraph("致谢", HEADING), Paragraph(ACKNOWLEDGEMENT, BODY), Paragraph("参考文献", HEADING)]
    story += [Paragraph(reference, SMALL) for reference in REFERENCES]
    return laid_out(story, header=HEADER)


def laid_out(story: list[Flowable], *, header: str | None = None, columns: int = 1) -> bytes:
    """Flowables on A4 pages in one or more columns; with a header, pages are numbered as well."""
    stream = io.BytesIO()
    width, height = A4
    column_width = (width - 144 - 24 * (columns - 1)) / columns
    frames = [
        Frame(72 + i * (column_width + 24), 72, column_width, height - 144, 0, 0, 0, 0)
        for i in range(columns)
    ]

    def margins(canvas: Canvas, _: BaseDocTemplate) -> None:
        if header:
            canvas.setFont(FONT, 9)
            canvas.drawCentredString(width / 2, height - 45, header)
            canvas.drawCentredString(width / 2, 40, f"— {canvas.getPageNumber()} —")

    template = BaseDocTemplate(stream, pagesize=A4)
    template.addPageTemplates(PageTemplate(frames=frames, onPage=margins))
    template.build(story)
    return stream.getvalue()


def pdf_of(*lines: str, pages: int = 1, size: float = 12) -> bytes:
    """Lines drawn one under the other on each of the pages."""
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=A4)
    for _ in range(pages):
        canvas.setFont(FONT, size)
        for number, line in enumerate(lines):
            canvas.drawString(72, 760 - number * size * 1.6, line)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def scanned_pdf(pages: int = 2, stamp: str = "") -> bytes:
    """Pages that are pictures, with at most the stamp of a scanning program."""
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=A4)
    for _ in range(pages):
        # Two by two pixels of grey, stretched over the page.
        canvas.drawInlineImage(_grey_picture(), 0, 0, A4[0], A4[1])
        canvas.setFont(FONT, 9)
        canvas.drawString(400, 400, stamp)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def _grey_picture() -> Image.Image:
    return Image.new("L", (2, 2), 200)


def blank_pages_pdf(pages: int) -> bytes:
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(595, 842)
    return written(writer)


def encrypted_pdf(password: str = "geheim", owner: str | None = None) -> bytes:
    writer = PdfWriter(PdfReader(io.BytesIO(pdf_of("受密码保护的内容。"))))
    writer.encrypt(password, owner)
    return written(writer)


def written(writer: PdfWriter) -> bytes:
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()
