"""Texts of our own, and a model whose calibration gives verdicts on them."""

from __future__ import annotations

from itertools import pairwise

from accounts.models import Organization
from detection.models import Detection
from detection.scoring.calibration import (
    BAND_EDGES,
    TOLERATED_FPRS,
    Band,
    Calibration,
    RunDiscount,
    SentenceCalibration,
    Threshold,
)
from detection.scoring.evidence import RUN_CHARACTERS
from detection.scoring.statistics import Platt
from detection.selectors.detections import detection_of
from tests.services.detections import FakeModel, extract, hand_in_file, hand_in_text, score
from zhenwen.tenancy.scope import tenant_scope

HUMAN_LINES = (
    "外公的修表铺子拆掉那天，他把木牌靠在墙边，拿湿布擦了两遍，什么也没有说。",
    "照片里的招牌多半只露出一角，我只好按电线杆和自行车来猜年份。",
    "卖凉粉的郑家把灯箱挂反了，亮了一个礼拜才有人告诉他，他说反着也看得懂。",
    "字越写越大，问起来都说是路宽了、车快了，可是老街的路一直没有宽过。",
)
AI_LINES = tuple(
    f"综上所述，{line}"
    for line in (
        "招牌作为城市公共空间的重要符号，深刻体现了社会文化变迁的内在逻辑。",
        "材料的更替充分反映了技术进步与消费升级的双重驱动作用。",
        "未来应当构建多元协同的治理机制，推动传统与现代的深度融合。",
        "这一过程不仅具有重要的理论价值，也具有广泛的实践意义。",
    )
)
REFERENCES = """参考文献
[1] 陆明. 街巷的字[J]. 民间观察, 2003(4): 21-29.
[2] 郑一秋. 灯箱进城[M]. 南门: 老街出版社, 2011."""

HUMAN_PAPER = "\n".join(HUMAN_LINES * 4)
AI_PAPER = "\n".join(AI_LINES * 4)
MIXED_PAPER = "\n".join((*HUMAN_LINES * 3, *AI_LINES * 3, *HUMAN_LINES, REFERENCES))
DOUBTFUL_PAPER = "\n".join((*HUMAN_LINES, *AI_LINES))
SHORT_TEXT = "今天的雨下得很大。"


class JudgingModel(FakeModel):
    """The fake scorer with a calibration that was fitted, so that there are verdicts."""

    @property
    def calibration(self) -> Calibration:
        return Calibration(
            tuple(_band(start, end) for start, end in pairwise((*BAND_EDGES, None)) if start is not None),
            SentenceCalibration(Platt(1.0, 0.0), ai_at_least=0.8, human_at_most=0.3),
        )


def _band(start: int, end: int | None) -> Band:
    thresholds = tuple(Threshold(rate, 2.0, 500, 2, rate * 1.5) for rate in TOLERATED_FPRS)
    return Band(
        start,
        end,
        500,
        500,
        Platt(1.0, 0.0),
        -1.0,
        thresholds,
        (RunDiscount(RUN_CHARACTERS[0], 0.5, 0.2, 1500.0),),
    )


def judged_text(organization: Organization, text: str, title: str = "") -> Detection:
    return _with_report(score(hand_in_text(organization, text, title=title), JudgingModel()))


def judged_file(organization: Organization, text: str, filename: str) -> Detection:
    return _with_report(score(extract(hand_in_file(organization, text.encode(), filename)), JudgingModel()))


def _with_report(detection: Detection) -> Detection:
    with tenant_scope(detection.organization_id):
        found = detection_of(organization_id=detection.organization_id, detection_id=detection.pk)
    assert found is not None
    return found
