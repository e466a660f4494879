"""What the order of a document's pieces says about them: title, cover, contents."""

from __future__ import annotations

import re
from dataclasses import replace

from detection.extraction import cues
from detection.extraction.pieces import Piece
from detection.scoring.types import BlockKind

COVER_PIECES = 60
DECLARATION_CHARACTERS = 1_200

_OPENING = re.compile(r"\s*(?:[\[【（(]?\s*(?:中文|英文)?摘\s*要|abstract\b)", re.I)
_CONTENTS_HEADING = re.compile(r"(?:目[录次]|(?:tableof)?contents)", re.I)
_COVER_FIELD = re.compile(
    r"(?:学号|姓名|学生姓名|学生|专业|专业名称|年级|班级|学院|院系|系别|系部|学校|指导教师|指导老师|导师|校内导师|作者|作者姓名"
    r"|分类号|密级|udc|单位代码|学校代码|提交日期|答辩日期|完成日期|完成时间|论文题目|题目|日期|研究方向|学科专业|学位类别"
    r"|申请学位|培养单位|授予单位|studentid|studentnumber|name|author|supervisor|advisor|department|major|faculty"
    r"|school|date|submitted(?:by|to)?)[:：_]"
    r"|.{0,20}(?:本科|学士|硕士|博士|毕业|学位|课程|学年)(?:毕业|学位)?(?:论文|设计)(?:[（(].{1,10}[)）])?$",
    re.I,
)
_DECLARATION = re.compile(
    r".{0,16}(?:(?:独创|原创|诚信|学术诚信)性?(?:声明|承诺书?)|(?:版权|论文|著作权)?使用授权(?:声明|说明|书)|授权书)"
)
_SPACE = re.compile(r"\s+")
# Layout that an author cannot use to keep sentences from being scored.
_NEVER_PROSE = frozenset({BlockKind.QUOTATION, BlockKind.FOOTNOTE, BlockKind.REFERENCE})


def arrange(pieces: list[Piece]) -> list[Piece]:
    """The same pieces in the same order, their kinds corrected by what stands around them."""
    pieces = [Piece(text, piece.kind) for piece in pieces if (text := piece.text.strip())]
    pieces = _mark_contents(pieces)
    pieces = _mark_cover(pieces)
    pieces = [_prose_if_it_reads_so(piece) for piece in pieces]
    return _mark_declarations(pieces)


def first_heading(pieces: list[Piece]) -> str | None:
    """The title, where nothing better names it: a heading among the first pieces that opens no section."""
    for piece in pieces[:10]:
        if piece.kind is BlockKind.PROSE:
            return None
        if piece.kind is BlockKind.HEADING and not cues.is_section_heading(piece.text):
            return piece.text
    return None


def _prose_if_it_reads_so(piece: Piece) -> Piece:
    if piece.kind in _NEVER_PROSE or not cues.reads_as_prose(piece.text):
        return piece
    if piece.kind is BlockKind.COVER and cues.is_front_matter(piece.text):
        return piece
    return replace(piece, kind=BlockKind.PROSE)


def _mark_contents(pieces: list[Piece]) -> list[Piece]:
    """The word over the table of contents belongs to it."""
    arranged = list(pieces)
    for index, piece in enumerate(pieces[:-1]):
        is_over_contents = pieces[index + 1].kind is BlockKind.CONTENTS
        if is_over_contents and _CONTENTS_HEADING.fullmatch(_SPACE.sub("", piece.text)):
            arranged[index] = replace(piece, kind=BlockKind.CONTENTS)
    return arranged


def _mark_cover(pieces: list[Piece]) -> list[Piece]:
    arranged = [
        replace(piece, kind=BlockKind.COVER) if cues.is_front_matter(piece.text) else piece
        for piece in pieces
    ]
    end = _opening(arranged)
    leading = arranged[:end]
    fields = sum(bool(_COVER_FIELD.match(_SPACE.sub("", piece.text))) for piece in leading)
    has_abstract = end < len(arranged) and _OPENING.match(arranged[end].text) is not None
    if fields < 2 and not has_abstract:
        return arranged
    for index, piece in enumerate(leading):
        is_title = piece.kind is BlockKind.HEADING and fields < 2
        if not is_title and piece.kind is not BlockKind.CONTENTS:
            arranged[index] = replace(piece, kind=BlockKind.COVER)
    return arranged


def _opening(pieces: list[Piece]) -> int:
    """Where the paper itself begins: its abstract, contents, first section or first real paragraph."""
    for index, piece in enumerate(pieces[:COVER_PIECES]):
        text = piece.text
        if _OPENING.match(text) or piece.kind is BlockKind.CONTENTS:
            return index
        if len(text) >= 60 and cues.ends_like_prose(text):
            return index
        if cues.is_section_heading(text):
            return index
    return 0


def _mark_declarations(pieces: list[Piece]) -> list[Piece]:
    """Statements of originality and consent are forms every author signs; they end at the next heading."""
    arranged: list[Piece] = []
    left = 0  # characters that may still belong to the statement
    for piece in pieces:
        closes = piece.kind in {BlockKind.HEADING, BlockKind.CONTENTS} or bool(_OPENING.match(piece.text))
        if _DECLARATION.fullmatch(_SPACE.sub("", piece.text)):
            left = DECLARATION_CHARACTERS
        elif closes or len(piece.text) > left:
            left = 0
        arranged.append(replace(piece, kind=BlockKind.COVER) if left else piece)
        left = max(0, left - len(piece.text))
    return arranged
