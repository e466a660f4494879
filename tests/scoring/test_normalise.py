from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from detection.scoring.normalise import normalise

MARKUP = st.text(alphabet="#*->|`~_=.(),:;?!\"'()[]123一二、。，（）…— \n\r\t中文ab\u200b\u0301аο①$\\<>br/")


def plain(text: str) -> str:
    return normalise(text).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\ufeff本\u200b文\u00ad研究", "本文研究"),
        ("ＡＢＣ１２３％", "ABC123%"),
        ("结果表明,模型有效.但是(样本)不足;为什么?", "结果表明，模型有效。但是（样本）不足；为什么？"),
        ("In fact, it works (well). Yes?", "In fact, it works (well). Yes?"),
        ("见（Fig. 2），如下", "见（Fig. 2），如下"),
        ("圆周率是3.14,约等于22/7.", "圆周率是3.14，约等于22/7."),
        ('他说“好”和「行」与"可"', '他说"好"和"行"与"可"'),
        ("我 们 的　研究 使用 Python 语言", "我们的研究使用Python语言"),
        ("## 一、引言\n\n**本文**提出\n- 第一点\n1. 第二点\n> 引用", "引言本文提出第一点第二点引用"),
        ("见[链接](https://a.example/b)与`代码`", "见链接与代码"),
        ("a | b\n---|---\nc | d", "a b c d"),
        ("漢語學習", "汉语学习"),
        ("⼀⼈豈", "一人岂"),
        ("соmputer vision", "computer vision"),
        ("等等......还有。。。以及……——完", "等等…还有…以及…—完"),
        ("cafe\u0301", "café"),
        ("有\x00空\ud800字符\uffff", "有空字符"),
        ("привет мир", "привет мир"),
        ("2*3 与 **重点** *强调*", "2*3与重点强调"),
        ("", ""),
    ],
)
def test_one_plain_form(text: str, expected: str) -> None:
    assert plain(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("首先,模型收敛。\n\n其次,结果稳定。", "首先，模型收敛。其次，结果稳定。"),
        ("**结论**：有效", "结论:有效"),
        ("使用 GPU 训练", "使用GPU训练"),
        ("“引号”", '"引号"'),
        ("方法(method)有效", "方法（method）有效"),
        ("- 甲\n- 乙", "1. 甲\n2. 乙"),
    ],
)
def test_formatting_that_would_give_the_label_away_vanishes(one: str, other: str) -> None:
    assert plain(one) == plain(other)


@given(st.one_of(MARKUP, st.text(), st.text(alphabet=st.characters())))
@example("( (文)\n1. 2. 3、")
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = plain(text)
    assert plain(once) == once


@given(st.one_of(MARKUP, st.text(alphabet=st.characters())))
def test_every_character_comes_from_one_of_the_original(text: str) -> None:
    normalised = normalise(text)
    origins = normalised.origins.tolist()
    assert len(origins) == len(normalised.text)
    assert origins == sorted(set(origins))
    assert all(0 <= origin < len(text) for origin in origins)


def test_every_character_leads_back_to_its_place_in_the_original() -> None:
    text = "**重点**：本\u200b文,提出"
    normalised = normalise(text)
    start = normalised.text.index("本文")
    assert [text[origin] for origin in normalised.origins[start : start + 2]] == ["本", "文"]
    assert normalised.origins[start + 1] - normalised.origins[start] == 2


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("本\u200b文\u200b研\u200b究", ["zero_width"]),
        ("本\u200b文研究", []),
        ("\ufeff本文研究", []),
        ("Тhe соmputеr sсience", ["homoglyph"]),
        ("\u202e本\u202c\u202e文\u202c", ["bidi_control"]),
        ("\u202bשלום\u202c \u202bעולם\u202c", []),
        (" ".join("本文研究的是如何让机器学会分辨人类写作与模型写作之间的差别"), ["spaced_characters"]),
        ("目 录", []),
        ("⼀⼀⼀⼀", []),
    ],
)
def test_flags_only_what_looks_deliberate(text: str, kinds: list[str]) -> None:
    assert [flag.kind for flag in normalise(text).attack_flags] == kinds


@pytest.mark.parametrize(
    "unit",
    [
        *"中a .*(-#`|>[…\n0①",
        "\u200b",
        "\ud800",
        "ا",
        "\u202e",
        "\u0301",
        "а",
        "**a",
        "1. ",
        "(a",
        "[a](",
        "<b",
        "- ",
    ],
)
def test_a_million_characters_of_any_kind_end_soon(unit: str) -> None:
    text = (unit * 1_000_000)[:1_000_000]
    begun = time.perf_counter()
    normalise(text)
    assert time.perf_counter() - begun < 15
