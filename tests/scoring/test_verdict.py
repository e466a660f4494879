from __future__ import annotations

import dataclasses
import random

import pytest

from detection.scoring.calibration import Calibration, uncalibrated
from detection.scoring.evidence import weigh
from detection.scoring.fitting import Sample, fit_calibration
from detection.scoring.prepare import plain_document, prepare
from detection.scoring.types import DetectionResult, Verdict
from detection.scoring.verdict import conclude, detect
from tests.scoring.fake import AI_CUE, FakeScorer

HUMAN = "那年秋天我搬到河边住，早上常听见船工说话，日子过得很慢也很安静。"
AI = f"{AI_CUE}，科技的进步为社会的发展带来了新的机遇，也提出了新的挑战。"
LITERARY = (
    "项籍者，下相人也，字羽。初起时，年二十四。其季父项梁，梁父即楚将项燕，为秦将王翦所戮者也。项氏世世为楚将，"
    "封于项，故姓项氏。籍曰：书足以记名姓而已。剑一人敌，不足学，学万人敌。"
)
SCORER = FakeScorer()


def text(human: int, ai: int = 0) -> str:
    return HUMAN * human + AI * ai


def written(*, is_ai: bool, sentences: int, lapses: float, generator: random.Random) -> Sample:
    """A text whose author sometimes writes a sentence of the other kind."""
    kinds = [(generator.random() < lapses) != is_ai for _ in range(sentences)]
    prepared = prepare(plain_document("".join(AI if kind else HUMAN for kind in kinds)))
    return Sample(weigh(prepared, SCORER.score(prepared.segments)), is_ai)


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    generator = random.Random(3)
    samples = [
        written(is_ai=bool(i % 2), sentences=count, lapses=0.1, generator=generator)
        for count in (3, 6, 12, 30, 60)
        for i in range(1000)
    ]
    return fit_calibration(samples=samples)


def detected(content: str, calibration: Calibration, tolerated_fpr: float = 0.01) -> DetectionResult:
    return detect(
        document=plain_document(content), scorer=SCORER, calibration=calibration, tolerated_fpr=tolerated_fpr
    )


@pytest.mark.parametrize("sentences", [4, 8, 16, 40, 200])
def test_one_author_has_one_verdict(calibration: Calibration, sentences: int) -> None:
    human, ai = detected(text(sentences), calibration), detected(text(0, sentences), calibration)
    assert (human.verdict, ai.verdict) == (Verdict.HUMAN, Verdict.AI)
    assert human.shares["ai"] == 0 and human.shares["human"] > 0.9
    assert ai.shares["ai"] > 0.9 and ai.shares["human"] == 0
    assert human.p_ai < 0.05 < 0.95 < ai.p_ai
    assert human.p_ai < human.threshold < ai.p_ai


def test_a_model_written_half_makes_a_mixed_text_and_marks_that_half(calibration: Calibration) -> None:
    result = detected(text(40, 40), calibration)
    assert result.verdict is Verdict.MIXED
    assert result.shares["ai"] == pytest.approx(0.5, abs=0.08)
    assert result.shares["human"] == pytest.approx(0.5, abs=0.08)


def test_one_model_written_page_in_a_long_human_text_is_found_where_it_stands(
    calibration: Calibration,
) -> None:
    content = text(60) + text(0, 20) + text(60)
    result = detected(content, calibration)
    assert result.verdict is Verdict.MIXED
    first, last = (sentences := [s for s in result.sentences if s.verdict is Verdict.AI])[0], sentences[-1]
    assert abs(first.start - 60 * len(HUMAN)) < 3 * len(HUMAN)
    assert abs(last.end - 60 * len(HUMAN) - 20 * len(AI)) < 3 * len(HUMAN)


def test_a_text_with_a_passage_that_reads_like_a_model_is_not_called_human(calibration: Calibration) -> None:
    content = text(20) + text(0, 12) + text(20)
    without_runs = dataclasses.replace(
        calibration, bands=tuple(dataclasses.replace(band, runs=()) for band in calibration.bands)
    )
    result = detected(content, without_runs)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.reasons == ("ai_like_passage",)
    assert result.shares["ai"] == 0


def test_a_whole_that_is_above_the_line_without_a_sentence_to_show_accuses_nobody(
    calibration: Calibration,
) -> None:
    shifted = dataclasses.replace(calibration.sentences.platt, intercept=-1000.0)
    doubtful = dataclasses.replace(calibration.sentences, platt=shifted)
    result = detected(text(0, 16), dataclasses.replace(calibration, sentences=doubtful))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.p_ai > result.threshold
    assert result.reasons == ("no_passage_to_show",)
    assert result.shares["ai"] == 0


def test_one_odd_sentence_accuses_nobody(calibration: Calibration) -> None:
    result = detected(text(30, 1) + text(30), calibration)
    assert result.verdict is Verdict.HUMAN
    assert all(sentence.verdict is not Verdict.AI for sentence in result.sentences)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "too_short"),
        (HUMAN, "too_short"),
        ("The cat sat on the mat and looked at the moon for a long time. " * 5, "unsupported_language"),
        ("これは日本語の文章です。とてもよいです。" * 10, "unsupported_language"),
        (LITERARY, "literary_chinese"),
        (text(3, 3), "between_thresholds"),
    ],
)
def test_where_nothing_can_be_said_it_says_why(calibration: Calibration, content: str, reason: str) -> None:
    result = detected(content, calibration)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.reasons == (reason,)
    assert result.shares["ai"] == 0


def test_no_probability_is_surer_than_the_texts_behind_it(calibration: Calibration) -> None:
    band = calibration.band(300)
    few = dataclasses.replace(band, human_texts=50, ai_texts=20)
    assert few.probability(1000.0) == pytest.approx(51 / 52)
    assert few.probability(-1000.0) == pytest.approx(1 / 22)
    assert band.probability(1000.0) > 0.99
    assert few.probability(0.0) == band.probability(0.0)


def test_a_rate_nobody_could_promise_accuses_nobody(calibration: Calibration) -> None:
    result = detected(text(0, 16), calibration, tolerated_fpr=0.001)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.reasons == ("too_few_calibration_texts",)
    assert result.threshold == 1


def test_a_model_without_calibration_gives_no_verdict() -> None:
    for content in (text(20), text(0, 20)):
        result = detected(content, uncalibrated())
        assert result.verdict is Verdict.INCONCLUSIVE
        assert result.reasons == ("uncalibrated_model",)


@pytest.mark.parametrize(("human", "ai"), [(0, 0), (5, 0), (0, 5), (7, 7), (40, 9), (20, 20), (33, 60)])
def test_shares_add_up_and_never_contradict_the_verdict(
    calibration: Calibration, human: int, ai: int
) -> None:
    result = detected(text(human, ai), calibration)
    assert sum(result.shares.values()) == pytest.approx(1, abs=1e-6)
    accused = result.verdict in (Verdict.AI, Verdict.MIXED)
    assert (result.shares["ai"] > 0) == accused
    assert result.verdict is not Verdict.AI or result.shares["ai"] > 0.5


def test_the_same_text_has_the_same_report(calibration: Calibration) -> None:
    assert detected(text(9, 9), calibration) == detected(text(9, 9), calibration)


def test_dress_changes_nothing_but_the_offsets(calibration: Calibration) -> None:
    plain = detected(text(8, 8), calibration)
    dressed = detected(
        text(8, 8).replace("，", ", ").replace("。", "。\n\n**").replace("社会", "社\u200b会"), calibration
    )
    assert dressed.verdict is plain.verdict and dressed.p_ai == plain.p_ai and dressed.shares == plain.shares
    assert [flag.kind for flag in dressed.attack_flags] == ["zero_width"]


def test_a_report_names_what_it_rests_on(calibration: Calibration) -> None:
    result = detected(text(0, 16), calibration)
    threshold = calibration.band(result.characters).threshold(0.01)
    assert result.length_band == "300-600"
    assert (result.model_name, result.calibration_digest) == ("fake", calibration.digest)
    assert result.calibration_texts == threshold.texts == 500
    assert 0 < result.fpr_upper_bound < 0.05


def test_scores_of_another_document_are_refused(calibration: Calibration) -> None:
    prepared = prepare(plain_document(text(60)))
    with pytest.raises(ValueError, match="not those of this document"):
        conclude(
            prepared=prepared,
            scores=SCORER.score(prepared.segments[:1]),
            calibration=calibration,
            tolerated_fpr=0.01,
            model_name="fake",
            model_digest="",
        )


def test_results_are_plain_data(calibration: Calibration) -> None:
    content = dataclasses.asdict(detected(text(9), calibration))
    assert all(
        type(value).__module__ != "numpy" for value in [*content.values(), *content["sentences"][0].values()]
    )
