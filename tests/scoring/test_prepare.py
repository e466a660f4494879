from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.scoring.prepare import PreparedDocument, plain_document, prepare
from detection.scoring.segments import MOST_CHARACTERS, PART_CHARACTERS, SENTENCE_CHARACTERS
from detection.scoring.sentences import sentence_ends
from detection.scoring.types import BlockKind

PARAGRAPH = (
    "本文研究深度学习在文本分类中的应用，并且在三个公开的数据集上做了比较。结果表明，方法在短文本上更稳定；"
    "而在长文本上，差距并不明显。我们认为，这与训练语料的分布有关，仍需要更多的实验来证实。"
)


def prepared(text: str) -> PreparedDocument:
    return prepare(plain_document(text))


def excluded(text: str) -> list[tuple[BlockKind, str]]:
    return [(span.reason, text[span.start : span.end]) for span in prepared(text).excluded]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("你好。再见！真的？是的；好…完", ["你好。", "再见！", "真的？", "是的；", "好…", "完"]),
        ('他说:"走吧。"她答:"好！"', ['他说:"走吧。"', '她答:"好！"']),
        ('走了。"我来了。"她说。', ["走了。", '"我来了。"', "她说。"]),
        ("It works. It is 3.14 wide, see Fig. 2 for more. Done.", None),
        ("（见前文。）后来", ["（见前文。）", "后来"]),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, sentences: list[str] | None) -> None:
    found = [text[start:end] for start, end in pairwise([0, *sentence_ends(text)])]
    if sentences is None:
        sentences = ["It works. ", "It is 3.14 wide, see Fig. 2 for more. ", "Done."]
    assert found == sentences


def test_what_is_no_prose_is_left_out_and_says_why() -> None:
    quotation = (
        "“"
        + "这是一段很长的引文，出自他人之手，因此不能算作作者自己的文字，也就不参加检测，只在报告里标明"
        + "”"
    )
    text = "\n".join(
        [
            "某某大学硕士学位论文",
            "学号：2020123456",
            "指导教师：张三",
            "目录",
            "第一章 绪论 ........ 1",
            "第一章 绪论",
            PARAGRAPH * 3,
            f"前人写道：{quotation}。这一点值得讨论。",
            "图1 系统结构",
            "E = mc^2",
            "| 方法 | 准确率 |",
            "|---|---|",
            "```python",
            "def f(x):",
            "    return x",
            "```",
            "> 他人的话",
            "关键词：检测；文本",
            PARAGRAPH,
            "参考文献",
            "[1] 张三. 文本分类研究[J]. 某某学报, 2020, 3(2): 1-9.",
            "[2] Smith J, et al. A study of text. Journal of Text, 2019.",
            "致 谢",
            "感谢我的导师，他在三年里给了我许多帮助。",
        ]
    )
    kinds = [kind.value for kind, _ in excluded(text)]
    assert kinds == [
        *["cover"] * 3,
        *["contents"] * 2,
        "heading",
        "quotation",
        "caption",
        "formula",
        *["table"] * 2,
        *["code"] * 4,
        "quotation",
        "heading",
        *["reference"] * 3,
        *["acknowledgement"] * 2,
    ]
    scored = "".join(segment.text for segment in prepared(text).segments)
    assert (
        "不能算作作者" not in scored and "这一点值得讨论" in scored and scored.count("仍需要更多的实验") == 4
    )


@pytest.mark.parametrize(
    "text",
    [
        "参考文献\n" + "\n".join([PARAGRAPH] * 5),
        "致谢\n" + "\n".join([PARAGRAPH] * 40),
        "目录\n" + "\n".join([PARAGRAPH] * 5),
        "“" + PARAGRAPH + "”",
        "\n".join(f"“{PARAGRAPH}”他说。" for _ in range(5)),
    ],
)
def test_no_heading_and_no_quotation_mark_hides_a_whole_text(text: str) -> None:
    document = prepared(text)
    assert document.characters > 0.4 * (document.characters + document.characters_excluded)


def test_a_line_that_only_mentions_a_figure_or_a_university_is_prose() -> None:
    lines = ["图1表明，两种方法的差别不大，原因在于样本太少。", "他毕业于北京大学，后来去了南方。"]
    text = "\n".join([PARAGRAPH, *lines, PARAGRAPH])
    assert excluded(text) == []


def test_a_numbered_list_is_prose_and_a_numbered_heading_is_not() -> None:
    points = "1. 先读题目再动手\n2. 写完之后检查一遍\n3. 最后交给同学看看"
    assert excluded(f"{PARAGRAPH}\n{points}\n{PARAGRAPH}") == []
    assert excluded(f"1. 引言的写法\n{PARAGRAPH}") == [(BlockKind.HEADING, "1. 引言的写法")]


def long_paper(paragraphs: int = 88) -> str:
    """No two of its paragraphs are alike."""
    return "\n\n".join(
        f"调查的第{number}天，{PARAGRAPH}其中第{number * 7}户没有回答。" for number in range(paragraphs)
    )


def test_segments_end_at_sentences_and_are_neither_tiny_nor_too_long() -> None:
    document = prepared(long_paper())
    lengths = [len(segment.text) for segment in document.segments]
    assert max(lengths) <= MOST_CHARACTERS
    assert min(lengths) >= 120
    assert all(segment.text[-1] in "。；" for segment in document.segments)
    assert 300 < sum(lengths) / len(lengths) < 450


@pytest.mark.parametrize("edited", [0, 0.01, 0.3, 0.6, 0.99])
def test_an_edited_sentence_changes_the_segments_around_it_only(edited: float) -> None:
    text = long_paper()
    assert len(text) > 10_000
    sentences = text.split("。")
    sentences[int(edited * (len(sentences) - 1))] = "这一句是后来改写的，和原来的长短也不相同"
    before = {segment.text for segment in prepared(text).segments}
    after = [segment.text for segment in prepared("。".join(sentences)).segments]
    assert 1 <= sum(segment not in before for segment in after) <= 3


def test_the_lines_of_a_wrapped_paragraph_are_one_paragraph() -> None:
    wrapped = "\n".join(PARAGRAPH[i : i + 25] for i in range(0, len(PARAGRAPH), 25))
    assert [s.text for s in prepared(wrapped).segments] == [s.text for s in prepared(PARAGRAPH).segments]


def test_lines_without_a_full_stop_end_a_sentence() -> None:
    text = f"{PARAGRAPH}\n\n第一项要求是准确地完成\n\n第二项要求是快速地完成\n\n{PARAGRAPH}"
    found = [text[s.start : s.end] for s in prepared(text).sentences]
    assert "第一项要求是准确地完成" in found and "第二项要求是快速地完成" in found


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (PARAGRAPH, "zh"),
        ("使用 Python 语言 and PyTorch 框架实现", "zh"),
        ("The cat sat on the mat.", "en"),
        ("これは日本語の文章です。とてもよいです。", "other"),
        ("Это русский текст.", "other"),
        ("12345", "other"),
        ("", "other"),
    ],
)
def test_knows_which_language_it_reads(text: str, language: str) -> None:
    assert prepared(text).language == language


ODD_TEXT = (
    st.text(alphabet="中文字。，；“”\"'()（） \n\r\ta.bE1#*|>[]-图表参考文献致谢\u200b\ud800\u3000…\x00")
    | st.text()
)


@given(ODD_TEXT)
def test_spans_are_ordered_disjoint_and_within_the_document(text: str) -> None:
    document = prepared(text)
    assert sum(len(s.sentence_ends) for s in document.segments) == len(document.sentences)
    spans = [(s.start, s.end) for s in document.sentences]
    assert spans == sorted(spans)
    assert all(start < end <= len(text) for start, end in spans)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))
    assert all(s.end <= e.start or e.end <= s.start for s in document.sentences for e in document.excluded)
    for segment in document.segments:
        assert 0 < len(segment.text) <= MOST_CHARACTERS
        assert segment.sentence_ends[-1] == len(segment.text)
        assert list(segment.sentence_ends) == sorted(set(segment.sentence_ends))


def test_a_sentence_leads_back_to_what_the_author_typed() -> None:
    text = "**首先**,模 型\u200b收敛.  其次，結果稳定。"
    assert [text[s.start : s.end] for s in prepared(text).sentences] == [
        "首先**,模 型\u200b收敛.",
        "其次，結果稳定。",
    ]


def test_a_line_of_nothing_but_marks_is_no_sentence() -> None:
    assert prepared(f"{PARAGRAPH}\n\n- \n\n……").sentences == prepared(PARAGRAPH).sentences


def test_a_text_without_punctuation_has_parts_to_be_looked_at() -> None:
    text = re.sub("[，。；]", "", PARAGRAPH * 5)
    parts = [text[s.start : s.end] for s in prepared(text).sentences]
    assert len(text) > SENTENCE_CHARACTERS
    assert "".join(parts) == text
    assert {len(part) for part in parts[:-1]} == {PART_CHARACTERS}
    assert PART_CHARACTERS < len(parts[-1]) <= 2 * PART_CHARACTERS


def test_a_sentence_without_end_is_cut_at_the_nearest_pauses_and_within_no_word() -> None:
    clause = "这件事情从春天说到秋天也没有说完"
    text = "，".join([clause] * 26) + "。"
    parts = [text[s.start : s.end] for s in prepared(text).sentences]
    assert "".join(parts) == text
    assert set(parts[:-1]) == {f"{clause}，" * 4}

    words = "one more word of a sentence that nobody ends " * 12
    parts = [words[s.start : s.end] for s in prepared(words).sentences]
    assert len(parts) > 4
    assert " ".join(parts).split() == words.split()


def test_a_sentence_that_is_merely_long_stays_whole() -> None:
    text = f"{'这件事情从春天说到秋天也没有说完，' * 12}于是大家散了。"
    assert len(prepared(text).sentences) == 1


def test_hidden_characters_make_no_text_longer() -> None:
    assert prepared("\u200b".join(PARAGRAPH)).characters == prepared(PARAGRAPH).characters


@pytest.mark.parametrize(
    "unit", ["中", "a", " ", "\n", "“", "[1]", "。", "#", "|", "1.", "中\n", "a=\n", "学号：\n", "…1\n"]
)
def test_a_million_of_anything_ends_soon(unit: str) -> None:
    text = (unit * 1_000_000)[:300_000]
    begun = time.process_time()  # of this process alone, whatever else the machine does
    prepared(text)
    assert time.process_time() - begun < 15
