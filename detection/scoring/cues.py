"""How a line gives away that it is not the author's running prose."""

from __future__ import annotations

import re

from detection.scoring.characters import IDEOGRAPHS
from detection.scoring.types import BlockKind

LONGEST_HEADING_CHARACTERS = 40
LONGEST_CAPTION_CHARACTERS = 90
LONGEST_REFERENCE_CHARACTERS = 500
LONGEST_COVER_LINE_CHARACTERS = 60

_NUMBERING = re.compile(
    r"^(?:#{1,6}|第[一二三四五六七八九十\d]{1,3}[章节部分]|[（(]?[一二三四五六七八九十\d]{1,3}[)）、.．]|\d+(?:\.\d+)*)\s*"
)
_SPACES = re.compile(r"[\s*_:：]+")

_SECTIONS = {
    BlockKind.REFERENCE: "参考文献|主要参考文献|参考书目|引用文献|references|bibliography|workscited",
    BlockKind.ACKNOWLEDGEMENT: "致谢|致谢辞|谢辞|鸣谢|后记与致谢|acknowledgements?|acknowledgments?",
    BlockKind.CONTENTS: "目录|目次|图目录|表目录|contents|tableofcontents",
    BlockKind.PROSE: (
        "摘要|中文摘要|英文摘要|abstract|引言|绪论|前言|序言|导论|introduction|结论|结语|总结|总结与展望|讨论|discussion"
        "|conclusions?|附录[a-z\\d]?|appendix[a-z\\d]?|研究方法|methods?|结果|results?|文献综述|relatedwork"
    ),
}
_SECTION_TITLES = {kind: re.compile(f"(?:{titles})$", re.I) for kind, titles in _SECTIONS.items()}

_KEYWORDS = re.compile(
    r"^\W*(?:关\s*键\s*词|关\s*键\s*字|中图分类号|分类号|文献标识码|key\s?words?|doi)\W*[:：]", re.I
)
_NUMBERED_HEADING = re.compile(
    r"^(?:#{1,6}\s|第\s*[一二三四五六七八九十\d]{1,3}\s*[章节篇]|\d+(?:\.\d+)+\.?\s*\D|\d{1,2}[\s、.]+\D|[一二三四五六七八九十]{1,3}、"
    r"|[（(][一二三四五六七八九十]{1,3}[）)])"
)
_SENTENCE_MARK = re.compile(r"[，。；！？,;!?…]|\.\s|[.：:]$")
_LIST_ITEM = re.compile(r"\d{1,2}[、.]\s*\D|[（(]\d{1,2}[)）]|[-*+]\s")
_CLAUSE_MARK = re.compile("[，。；]")
_CAPTION = re.compile(
    r"^(?:图|表|附图|附表|fig(?:ure)?\.?|tab(?:le)?\.?)\s*[A-Z]?\d+(?:[-.．–]\d+)*\s*[^\d。]", re.I
)
_TABLE_ROW = re.compile(r"^\s*\|.*\|\s*$|^[^\t\n]*\t[^\t\n]*\t|^\s*[+|][-=+|:\s]{5,}$")
_CONTENTS_LINE = re.compile(r"(?:[.．…·•]\s*){3,}[\divxlc]{1,4}\s*$|^.{1,50}[\t ]{1,}\d{1,3}\s*$", re.I)
_REFERENCE_MARK = re.compile(r"^\s*(?:[\[［【〔]\d{1,3}[\]］】〕]|\d{1,3}[.、])\s*\S")
_CITATION = re.compile(
    r"\[[JMDCNPRSZGA](?:/OL)?\]|\[(?:EB|DB|CP)/OL\]|［[JMDCN]］|doi\s*[:：.]?\s*10\.|https?://\S"
    r"|et al\b|出版社|学报|,\s*\d{4}[,;(（:]"
    r"|\b(?:vol|pp|proc|journal|press|arxiv|trans)\b|\(\d{4}\)|\d{4}\s*[,，]\s*\d+\s*[（(]",
    re.I,
)
_PLAIN_SENTENCES = re.compile(r"[，；][^。]*。")
_COVER = re.compile(
    r"^\W*(?:学\s*号|姓\s*名|作\s*者|学\s*生|班\s*级|年\s*级|院\s*系|学\s*院|系\s*别|专\s*业|指\s*导\s*(?:教\s*师|老\s*师)|导\s*师|密\s*级|题\s*目"
    r"|学校代码|学科|答辩日期|提交日期|完成日期|申请学位|论文题目|student\s(?:id|name)|supervisor)[\s\w（）()]{0,10}[:：]"
    r"|(?:学位|毕业|课程|硕士|博士|学士)(?:论文|设计)\s*$|大学(?:本科|硕士|博士)?(?:学位|毕业)?论文?\s*$"
    r"|^\W*(?:\d{4}|[二〇零一二三四五六七八九○]{4})\s*年\s*\S{1,3}\s*月(?:\s*\S{1,3}\s*日)?\W*$",
    re.I,
)
_CODE = re.compile(
    r"[;{}]\s*$|^\s*(?:def|class|import|from|return|if|elif|else|for|while|public|private|static|void|int|var|let|const|function"
    r"|package|using|SELECT|INSERT|UPDATE)\b.*[:;({=*]|^\s*(?:#include|//|/\*|</?\w+[^>]*>\s*$)|^\s*\w[\w.\[\]]*\s*=\s*\w+[(\[]"
)
_FORMULA_SIGN = re.compile(r"[=≈≤≥<>∑∫∏√±×÷∂∇→∈]|\\(?:frac|sum|int|begin|left|mathbf)|\$\$")
_OPERAND = re.compile(r"[^\W_]")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{4,}")
_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")


def section_of(line: str) -> BlockKind | None:
    """The kind of section a heading opens (PROSE: a section to be scored), or None if the line opens none."""
    if len(line) > LONGEST_HEADING_CHARACTERS:
        return None
    title = _SPACES.sub("", _NUMBERING.sub("", line.strip()))
    for kind, titles in _SECTION_TITLES.items():
        if titles.match(title):
            return kind
    return None


def is_numbered_heading(line: str) -> bool:
    return (
        len(line) <= LONGEST_HEADING_CHARACTERS
        and bool(_NUMBERED_HEADING.match(line))
        and not is_sentence_like(line.removesuffix("："))
    )


def is_list_item(line: str) -> bool:
    return bool(_LIST_ITEM.match(line))


def is_sentence_like(line: str) -> bool:
    numbering = _NUMBERING.match(line)
    return bool(_SENTENCE_MARK.search(line[numbering.end() if numbering else 0 :]))


def is_reference(line: str) -> bool:
    is_cited = bool(_REFERENCE_MARK.match(line) and _CITATION.search(line))
    return is_cited and len(line) <= LONGEST_REFERENCE_CHARACTERS and not _PLAIN_SENTENCES.search(line)


def could_be_reference(line: str) -> bool:
    """For lines below the heading of the references: everything but what is plainly running prose."""
    return not _PLAIN_SENTENCES.search(line) and (len(line) < 80 or bool(_CITATION.search(line)))


def is_contents_line(line: str) -> bool:
    return len(line) <= 120 and bool(_CONTENTS_LINE.search(line))


def is_cover_line(line: str) -> bool:
    is_short = len(line) <= LONGEST_COVER_LINE_CHARACTERS
    return is_short and not _CLAUSE_MARK.search(line) and bool(_COVER.search(line))


def is_code(line: str) -> bool:
    return not _IDEOGRAPH.search(line) and bool(_CODE.search(line))


def line_kind(line: str) -> BlockKind | None:
    """What a line is on its own evidence, wherever it stands."""
    if _KEYWORDS.match(line) or is_numbered_heading(line):
        return BlockKind.HEADING
    if len(line) <= LONGEST_CAPTION_CHARACTERS and _CAPTION.match(line) and not line.endswith("。"):
        return BlockKind.CAPTION
    if _TABLE_ROW.match(line) and "。" not in line:
        return BlockKind.TABLE
    if line.startswith(">"):
        return BlockKind.QUOTATION
    if is_reference(line):
        return BlockKind.REFERENCE
    if _is_formula(line):
        return BlockKind.FORMULA
    return None


def _is_formula(line: str) -> bool:
    return (
        len(line) <= 300
        and not _IDEOGRAPH.search(line)
        and bool(_FORMULA_SIGN.search(line) and _OPERAND.search(line))
        and len(_WORD.findall(line)) <= 1
    )
