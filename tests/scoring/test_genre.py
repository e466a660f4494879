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


BY_NAMES = (
    "去年七月，肖某到新单位上班，被派到别处送快递，月工资为基本工资加提成。肖某说领导让他在休息日加班，并交来工资表，表上有单位盖章。"
    "到了十一月，肖某提出离职，单位不同意补发加班费，双方为此争执了三个月。"
)
BY_COMPANIES = (
    "某科技公司把房子租给某教育咨询公司，某教育咨询公司又转租给某快递公司，"
    "某快递公司三个月没有付钱，某科技公司便上门去要。"
)
BY_DISPUTE = (
    "两家为院墙起了纠纷。东家说墙是自己砌的，西家说地是自己的，谁也拿不出东西来举证。"
    "村里调解了三次，纠纷才算平息。"
)
NOTICE = (
    "为了提高某些课程的质量，学校在某个周三请来几位老师。他们也许某天还会来，谈到历史某阶段的往事和李某种误解，"
    "任何某件小事都不放过。"
)
CAREER = (
    LETTER * 3
    + "他在某些大型互联网公司干过，后来在某科技公司做运营。在某个意义上说，公司文化就是老板的脾气。"
)


@pytest.mark.parametrize(
    ("text", "genre"),
    [(text, Genre.LEGAL) for text in (JUDGMENT, BY_NAMES, BY_COMPANIES, BY_DISPUTE)]
    + [(text, Genre.GENERAL) for text in (LETTER, NOTICE, CAREER, "")],
)
def test_a_legal_text_is_told_by_its_words(text: str, genre: Genre) -> None:
    assert genre_of(text) is genre
    assert prepare(plain_document(text)).genre is genre


def test_one_legal_word_makes_no_legal_text() -> None:
    assert genre_of(LETTER + "后来听说老板打赢了一场诉讼。") is Genre.GENERAL
