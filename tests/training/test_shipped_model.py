"""The model that comes with the product is whole, calibrated, small enough and sane on texts of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from detection.engine import ModelScorer, check_golden, load_model_folder
from detection.engine.locations import SHIPPED_MODEL
from detection.scoring.calibration import BAND_EDGES
from detection.scoring.prepare import plain_document
from detection.scoring.types import Verdict
from detection.scoring.verdict import detect
from detection.training.export import MOST_BYTES

WEIGHTS = Path(__file__).parents[2] / "weights"

DIARY = (
    "昨儿夜里两点多被楼上吵醒，听声音像是在拖桌子。我趴在床上数了一会儿，数到第七下才停。"
    "早上在电梯里碰见楼上那大哥，他倒先跟我说不好意思，说老丈人半夜犯了糊涂，非要把餐桌挪到窗户底下，说那儿有太阳。"
    "我一肚子火就这么没了，还问他要不要帮忙挪回来。他摆摆手，说老爷子坐那儿晒上了，挪不动。"
)
ESSAY = (
    "随着人工智能技术的快速发展，教育领域正在经历深刻的变革。首先，个性化学习平台能够根据学生的学习进度和兴趣提供定制化的内容，"
    "从而显著提升学习效率。其次，智能评估系统可以实时反馈学生的表现，帮助教师及时调整教学策略。此外，虚拟现实技术为学生创造了"
    "沉浸式的学习环境，使抽象的知识变得更加直观。然而，我们也应当关注数据隐私和教育公平等问题。"
    "总之，人工智能为教育带来了前所未有的机遇与挑战，需要各方共同努力，推动教育事业的可持续发展。"
)


@pytest.fixture(scope="module")
def scorer() -> ModelScorer:
    return load_model_folder(WEIGHTS / SHIPPED_MODEL, backend="openvino", threads=1)


def test_all_weights_together_stay_within_their_limit() -> None:
    assert sum(file.stat().st_size for file in WEIGHTS.rglob("*")) <= MOST_BYTES


def test_it_gets_its_golden_scores_on_this_machine(scorer: ModelScorer) -> None:
    assert check_golden(WEIGHTS / SHIPPED_MODEL, scorer=scorer) < 0.1


def test_every_length_has_a_threshold_with_human_texts_behind_it(scorer: ModelScorer) -> None:
    calibration = scorer.calibration
    assert calibration.is_fitted
    assert [band.from_characters for band in calibration.bands] == [e for e in BAND_EDGES if e is not None]
    for band in calibration.bands:
        threshold = band.threshold(0.01)
        assert threshold.texts >= 100
        assert threshold.logit > band.human_at_most
        assert threshold.accused <= 0.01 * threshold.texts


def test_a_textbook_case_scores_high_and_a_diary_that_a_model_wrote_is_not_called_human(
    scorer: ModelScorer,
) -> None:
    results = [
        detect(
            document=plain_document(text),
            scorer=scorer,
            calibration=scorer.calibration,
            tolerated_fpr=0.01,
        )
        for text in (DIARY, ESSAY)
    ]
    # A model wrote the diary too, as plainly as it could.
    assert results[0].verdict in (Verdict.AI, Verdict.INCONCLUSIVE)
    assert results[1].p_ai > 0.9
