"""Literary Chinese is another language than the one the model reads; nothing modern is taken for it."""

from __future__ import annotations

import pytest

from detection.scoring.language import CHINESE, ENGLISH, LITERARY_CHINESE, OTHER, language_of


@pytest.mark.parametrize(
    "text",
    [
        "子曰：学而时习之，不亦说乎？有朋自远方来，不亦乐乎？人不知而不愠，不亦君子乎？有子曰：其为人也孝弟，而好犯上者，鲜矣；"
        "不好犯上，而好作乱者，未之有也。君子务本，本立而道生。孝弟也者，其为仁之本与！",
        "先帝创业未半而中道崩殂，今天下三分，益州疲弊，此诚危急存亡之秋也。然侍卫之臣不懈于内，忠志之士忘身于外者，盖追先帝之殊遇，"
        "欲报之于陛下也。诚宜开张圣听，以光先帝遗德，恢弘志士之气，不宜妄自菲薄，引喻失义，以塞忠谏之路也。",
    ],
)
def test_literary_chinese_is_told_from_modern(text: str) -> None:
    assert language_of(text) == LITERARY_CHINESE


@pytest.mark.parametrize(
    "text",
    [
        # A quotation of a classic within modern prose.
        "孔子说过“学而时习之，不亦说乎”，这句话我们从小就会背，可是真正明白它的意思，是在工作了十年以后。",
        # A statute and an abstract: terse, with few of the words that modern prose is full of.
        "第十二条 承租人逾期未支付租金，经催告后仍不支付，出租人有权解除合同，并要求承租人承担违约责任。",
        "目的：探讨围手术期护理对老年髋部骨折患者术后并发症之影响。方法：选取患者八十例，随机分为两组，对照组行常规护理。",
        "你好，可以请律师帮忙处理。你好，可以请律师帮忙处理。你好，可以请律师帮忙处理。",
    ],
)
def test_terse_or_quoting_modern_chinese_stays_chinese(text: str) -> None:
    assert language_of(text) == CHINESE


def test_other_languages_are_named_or_other() -> None:
    assert language_of("The cat sat on the mat.") == ENGLISH
    assert language_of("これは日本語の文章です。") == OTHER
    assert language_of("1 2 3 …") == OTHER


def test_ideographs_newer_than_this_python_are_chinese_all_the_same() -> None:
    assert language_of("\U0003fff0" * 9) == CHINESE
    assert language_of("\U0003fff0" * 9 + "これは") == OTHER
