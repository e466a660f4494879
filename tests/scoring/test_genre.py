from __future__ import annotations

import pytest

from detection.scoring.genre import Genre, genre_of
from detection.scoring.prepare import plain_document, prepare

JUDGMENT = (
    "原告刘某诉称，被告拖欠其货款三万元，请求法院判令被告支付货款及利息。被告未到庭，也未提交答辩意见。"
    "本院经审理认为，双方签订的买卖合同合法有效，被告应当按照约定履行付款义务，依照民法典第五百零九条判决如下。"
)
LETTER = (
    "去年冬天我们搬到了城东，新家离地铁站不远，走路大概十分钟。楼下有一家卖馄饨的小店，老板是绍兴人，"
    "说话又快又软，我常常听不清他在问什么。孩子倒是很快就跟他的女儿玩到了一起，周末总要往店里跑。"
)


DIGEST = (
    "去年七月，肖某到某网络科技公司上班，被派到另一家公司送快递，月工资为基本工资加提成。肖某说公司让他在休息日加班，"
    "并交来工资表，表上有公司盖章。到了十一月，肖某提出离职，公司不同意补发加班费，双方为此争执了三个月。"
)
NOTICE = (
    "为了提高某些课程的质量，学校在某个周三请来几位老师。他们谈到常某种误解，也谈到马某天会遇到的难题，"
    "任何某件小事都不放过。"
)


@pytest.mark.parametrize(
    ("text", "genre"),
    [
        (JUDGMENT, Genre.LEGAL),
        (DIGEST, Genre.LEGAL),
        (LETTER, Genre.GENERAL),
        (NOTICE, Genre.GENERAL),
        ("", Genre.GENERAL),
    ],
)
def test_a_legal_text_is_told_by_its_words(text: str, genre: Genre) -> None:
    assert genre_of(text) is genre
    assert prepare(plain_document(text)).genre is genre


def test_one_legal_word_makes_no_legal_text() -> None:
    assert genre_of(LETTER + "后来听说老板打赢了一场诉讼。") is Genre.GENERAL
