"""What the wording of one paragraph says about where it stands in a layout.

Only what is needed to put paragraphs together and to find the cover; the scoring decides what it scores.
"""

from __future__ import annotations

import re

HEADING_CHARACTERS = 60
ENGLISH_HEADING_CHARACTERS = 110
FORMULA_CHARACTERS = 200
PROSE_CHARACTERS = 120

IDEOGRAPH = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_SPACE = re.compile(r"\s+")
_ENDS_LIKE_PROSE = re.compile(r"""[。！？；，、,;!?…：:.][”’"'」』）)\]]*$""")
_SENTENCE_END = re.compile(r"[。！？；]|[a-z)\d][.!?;] +[A-Z“\"]")

_NUMERAL = "[一二三四五六七八九十百零〇]{1,4}"
_NUMBERING = re.compile(
    rf"第\s*(?:{_NUMERAL}|\d{{1,3}})\s*[章节篇部回编]"
    rf"|{_NUMERAL}\s*[、.．](?=\s*\S)"
    rf"|[（(](?:{_NUMERAL}|\d{{1,2}})[)）]"
    r"|\d{1,2}(?:\.\d{1,2}){1,3}[.、]?\s*(?=[^\W\d])"
    r"|\d{1,2}(?:[、．]|\.(?!\d))\s*(?=\S)"
    r"|\d{1,2}[\s\u3000]+(?=[^\W\d])"
    r"|(?:Chapter|Section|Part|Appendix)\s+(?:\d{1,2}|[IVX]{1,4}|[A-Z])\b"
    r"|[IVX]{1,4}\.\s+(?=\S)"
)
_KNOWN_HEADING = re.compile(
    r"(?:中文|英文)?摘要|abstract|引言|前言|序言|绪论|导论|导言|结论|结语|结束语|总结|总结与展望|讨论|致谢|谢辞|鸣谢|后记"
    r"|参考文献|参考资料|引用文献|附录[a-z\d一二三四五]?|目录|目次|introduction|conclusions?|references|bibliography"
    r"|acknowledge?ments?|appendix[a-z\d]?|discussion|methods?|methodology|results|relatedworks?|background"
    r"|literaturereview|(?:tableof)?contents|summary",
    re.I,
)
_CONTENTS_LINE = re.compile(r"\S.{0,100}?(?:[.．·•…⋯‥]\s*){3,}[\s\u3000]*(?:\d{1,4}|[ivxlc]{1,6})$")
_FRONT_MATTER = re.compile(
    r"(?:关\s*键\s*词|关\s*键\s*字|中图分类号|文献标[识志]码|文章编号|收稿日期|基金项目|作者简介|通[讯信]作者"
    r"|doi|key\s*words?|index terms|received|e-?mail)\s*[:：】\]]",
    re.I,
)
_MATHEMATICAL = re.compile(r"[=<>≤≥≈≠≡∑∏∫√∂∇∞±×÷∈∉⊂⊆∪∩∀∃→⇒∝∼‖^_\\]|[\u0391-\u03c9]|[\U0001d400-\U0001d7ff]")
_RELATION = re.compile(r"[=<>≤≥≈≠≡∈⊂⊆→⇒∝]")
_LONG_WORD = re.compile(r"[A-Za-z]{4,}")


def reads_as_prose(text: str) -> bool:
    """Whether it is so long and so full of sentences that no layout makes it anything but prose."""
    return len(text) >= PROSE_CHARACTERS and len(_SENTENCE_END.findall(text)) >= 2


def ends_like_prose(text: str) -> bool:
    return _ENDS_LIKE_PROSE.search(text.rstrip()) is not None


def fits_heading(text: str) -> bool:
    """Short, on few lines, and not ended like a sentence."""
    limit = HEADING_CHARACTERS if IDEOGRAPH.search(text) else ENGLISH_HEADING_CHARACTERS
    return 0 < len(text) <= limit and text.count("\n") <= 1 and not ends_like_prose(text)


def is_known_heading(text: str) -> bool:
    """摘要, References and the like, alone on their line, with or without a number."""
    words = text.strip().rstrip(":：")
    if match := _NUMBERING.match(words):
        words = words[match.end() :]
    return len(words) <= 40 and _KNOWN_HEADING.fullmatch(_SPACE.sub("", words)) is not None


def is_section_heading(text: str) -> bool:
    return is_known_heading(text) or (fits_heading(text) and _NUMBERING.match(text) is not None)


def is_contents_line(text: str) -> bool:
    return len(text) <= 130 and _CONTENTS_LINE.match(text) is not None


def is_front_matter(text: str) -> bool:
    """A line of facts about the paper: key words, classification, DOI."""
    return len(text) <= 300 and _FRONT_MATTER.match(text) is not None


def is_formula(text: str) -> bool:
    """A relation between symbols with hardly a word in it."""
    if len(text) > FORMULA_CHARACTERS or not _RELATION.search(text):
        return False
    words = len(IDEOGRAPH.findall(text)) + len(_LONG_WORD.findall(text))
    return words <= min(2, len(_MATHEMATICAL.findall(text)))
