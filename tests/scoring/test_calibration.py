from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.scoring.calibration import Calibration, CalibrationError, uncalibrated
from detection.scoring.evidence import MOST_OF_TEXT, RUN_CHARACTERS, Evidence, Run
from detection.scoring.fitting import Sample, fit_calibration, threshold_at
from detection.scoring.genre import Genre
from detection.scoring.statistics import (
    Weighted,
    conformal_lower,
    conformal_upper,
    fit_platt,
    rate_interval,
    rate_upper_bound,
)

Generator = np.random.Generator
PASSAGE_CHARACTERS = RUN_CHARACTERS[0]


@pytest.fixture
def generator() -> Generator:
    """Fresh for every test, so that no test depends on which ran before it."""
    return np.random.default_rng(11)


def evidence(generator: Generator, mean: float, characters: int) -> Evidence:
    """A text whose passages of 200 characters scatter around its mean, as passages do."""
    count = max(1, characters // PASSAGE_CHARACTERS)
    scattered = mean + generator.normal(0, 1, count)
    return Evidence(
        characters=characters,
        mean_logit=float(scattered.mean()),
        runs=worst_runs(scattered),
        sentence_logits=scattered,
        sentence_characters=np.full(count, characters // count),
    )


def worst_runs(passages: np.ndarray) -> tuple[Run, ...]:
    lengths = (characters // PASSAGE_CHARACTERS for characters in RUN_CHARACTERS)
    return tuple(worst_run(passages, n) for n in lengths if n <= MOST_OF_TEXT * len(passages))


def worst_run(passages: np.ndarray, length: int) -> Run:
    means = np.convolve(passages, np.full(length, 1 / length), mode="valid")
    first = int(np.argmax(means))
    return Run(length * PASSAGE_CHARACTERS, float(means[first]), first, first + length)


def samples(generator: Generator, count: int, *, least: int = 60, most: int = 4000) -> list[Sample]:
    lengths = np.exp(generator.uniform(math.log(least), math.log(most), count)).astype(int).tolist()
    return [
        Sample(
            evidence(generator, (2.0 if i % 2 else -2.0) + float(generator.normal(0, 1)), length), bool(i % 2)
        )
        for i, length in enumerate(lengths)
    ]


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return fit_calibration(samples=samples(np.random.default_rng(7), 8000), description="made up")


@pytest.mark.parametrize(
    ("events", "trials", "bound"),
    # Closed forms: 1 - 0.05^(1/n) for none, and 0.95^(1/n) for all but one.
    [(0, 300, 1 - 0.05 ** (1 / 300)), (0, 3000, 1 - 0.05 ** (1 / 3000)), (1, 2, 0.95**0.5), (5, 5, 1.0)],
)
def test_the_bound_of_a_rate_is_exact(events: int, trials: int, bound: float) -> None:
    assert rate_upper_bound(events, trials) == pytest.approx(bound, abs=1e-9)


@pytest.mark.parametrize(
    ("events", "trials", "bounds"),
    [(0, 100, (0, 0.0362167)), (3, 100, (0.0062292, 0.0851760)), (100, 100, (0.9637833, 1)), (0, 0, (0, 1))],
)
def test_the_interval_of_a_rate_is_exact(events: int, trials: int, bounds: tuple[float, float]) -> None:
    assert rate_interval(events, trials) == pytest.approx(bounds, abs=1e-6)


def test_the_bound_covers_the_true_rate_nineteen_times_in_twenty(generator: Generator) -> None:
    events = generator.binomial(500, 0.02, 400)
    covered = np.mean([rate_upper_bound(int(x), 500) >= 0.02 for x in events])
    assert covered > 0.93


def each(values: Sequence[float] | np.ndarray) -> Weighted:
    return Weighted(np.array(values, dtype=np.float64), np.ones(len(values)))


def test_too_few_texts_promise_nothing() -> None:
    assert conformal_upper(each(np.arange(98)), 0.01) == math.inf
    assert conformal_upper(each(np.arange(99)), 0.01) == 98.0
    assert conformal_lower(each(np.arange(99)), 0.01) == 0.0
    assert conformal_upper(each([]), 0.01) == math.inf


def test_more_passages_of_a_text_promise_no_more_than_one() -> None:
    assert conformal_upper(Weighted(np.arange(392.0), np.full(392, 1 / 4)), 0.01) == math.inf  # of 98 texts
    passages = Weighted(np.arange(396.0), np.full(396, 1 / 4))
    assert conformal_upper(passages, 0.01) == 395.0
    assert passages.texts_above(np.array([390.0, 391.0, 1000.0])).tolist() == [1.25, 1.0, 0.0]
    threshold = threshold_at(390.0, rate=0.02, human=passages)
    assert (threshold.texts, threshold.accused) == (99, 2)


def test_passages_weigh_what_they_are_of_a_text(generator: Generator) -> None:
    """Texts of one, two, three and six passages: as if each passage stood there as often as it takes."""
    counts = np.repeat([1, 2, 3, 6], 60)
    values = generator.normal(0, 1, counts.sum())
    weights = np.repeat(1 / counts, counts)
    spelled_out = np.repeat(values, np.rint(6 * weights).astype(int))
    order = generator.permutation(len(values))
    known = Weighted(values[order], weights[order])
    for rate in (0.01, 0.05, 0.1):
        rank = math.ceil((240 + 1) * (1 - rate) * 6 - 1e-6)
        assert conformal_upper(known, rate) == np.sort(spelled_out)[rank - 1]
        assert conformal_lower(known, rate) == np.sort(spelled_out)[-rank]


def test_a_text_that_is_read_in_many_passages_does_not_decide_what_sentences_mean() -> None:
    def text(logit: float, is_ai: bool, digest: str = "") -> Sample:
        logits, characters = np.array([logit] * 3), np.array([60] * 3)
        return Sample(Evidence(180, logit, (), logits, characters, Genre.GENERAL), is_ai, digest)

    known = [text(-3.0 + n % 5, False) for n in range(100)] + [text(3.0 - n % 5, True) for n in range(100)]
    odd = [text(5.0, False, "odd")] * 200
    once, often = (fit_calibration(samples=known + odd[:count]).sentences for count in (1, 200))
    assert often.platt.slope == pytest.approx(once.platt.slope)
    assert often.ai_at_least == pytest.approx(once.ai_at_least)


def test_a_threshold_holds_for_a_passage_of_a_new_text(generator: Generator) -> None:
    """Passages of a text are alike, so that four of each of 300 are not 1,200 texts."""
    texts, passages = 300, 4
    rates = []
    for _ in range(60):
        means = generator.normal(0, 1, texts)
        values = np.repeat(means, passages) + generator.normal(0, 0.3, texts * passages)
        threshold = conformal_upper(Weighted(values, np.full(len(values), 1 / passages)), 0.01)
        unseen = generator.normal(0, 1, 20_000) + generator.normal(0, 0.3, 20_000)
        rates.append(float(np.mean(unseen > threshold)))
    assert np.mean(rates) <= 0.0105


@given(st.lists(st.floats(-50, 50), min_size=120, max_size=200), st.sampled_from([0.01, 0.05, 0.1]))
def test_a_conformal_threshold_is_exceeded_by_no_more_than_its_rate(values: list[float], rate: float) -> None:
    known = each(values)
    assert (known.values > conformal_upper(known, rate)).mean() <= rate


def test_calibrated_probabilities_mean_what_they_say(generator: Generator) -> None:
    is_ai = generator.random(20_000) < 0.5
    logits = np.where(is_ai, 1.0, -1.0) + generator.normal(0, 1, 20_000)  # true log-odds: 2 * logit
    platt = fit_platt(each(logits * 3 + 1), is_ai)
    assert platt.slope == pytest.approx(2 / 3, abs=0.05)
    assert platt.logit(0.5) == pytest.approx(1, abs=0.1)


def test_the_same_texts_in_another_order_give_the_same_line_to_the_last_digit(generator: Generator) -> None:
    is_ai = generator.random(3_000) < 0.5
    logits = np.where(is_ai, 1.0, -1.0) + generator.normal(0, 1, 3_000)
    lines = set()
    for _ in range(5):
        order = generator.permutation(3_000)
        lines.add(fit_platt(each(logits[order]), is_ai[order]))
    assert len(lines) == 1


def test_calibration_does_not_depend_on_how_many_of_each_kind_there_are(generator: Generator) -> None:
    is_ai = np.arange(4000) % 10 == 0
    logits = np.where(is_ai, 1.0, -1.0) + generator.normal(0, 1, 4000)
    assert fit_platt(each(logits), is_ai).probability(0.0) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("edges", [(60, 150), (300, 600), (1500, 4000)])
@pytest.mark.parametrize("tolerated_fpr", [0.01, 0.02])
def test_unseen_human_texts_are_accused_no_more_often_than_tolerated(
    edges: tuple[int, int], tolerated_fpr: float
) -> None:
    """Over many calibrations: any single one may be lucky, which is what its upper bound is for."""
    generator = np.random.default_rng(11)
    unseen = [s for s in samples(generator, 6000, least=edges[0], most=edges[1]) if not s.is_ai]
    rates, bounds = [], []
    for _ in range(12):
        fitted = fit_calibration(samples=samples(generator, 1200, least=edges[0], most=edges[1]))
        band = fitted.band(edges[0])
        threshold = band.threshold(tolerated_fpr)
        rates.append(float(np.mean([band.statistic(s.evidence) > threshold.logit for s in unseen])))
        bounds.append(threshold.fpr_upper_bound)
    assert np.mean(rates) <= 1.25 * tolerated_fpr
    assert sum(rate > bound for rate, bound in zip(rates, bounds, strict=True)) <= 2


def test_a_long_human_thesis_is_not_accused_for_its_worst_page(
    calibration: Calibration, generator: Generator
) -> None:
    band = calibration.band(60_000)
    threshold = band.threshold(0.01)
    theses = [evidence(generator, float(generator.normal(-2, 1)), 60_000) for _ in range(2000)]
    assert np.mean([band.statistic(e) > threshold.logit for e in theses]) <= 0.02
    worst = [max(run.logit for run in e.runs) for e in theses]
    assert np.mean([run > threshold.logit for run in worst]) > 0.5  # which it would be without the discount


def test_a_chapter_counts_although_the_rest_reads_human(
    calibration: Calibration, generator: Generator
) -> None:
    """Sustained over a chapter, what a page may show by chance is evidence."""
    band = calibration.band(12_000)
    threshold = band.threshold(0.01)

    def accused(ai_characters: int) -> float:
        papers = []
        for _ in range(200):
            passages = generator.normal(-2, 1, 60)
            passages[15 : 15 + ai_characters // PASSAGE_CHARACTERS] += 4.5
            papers.append(
                Evidence(
                    characters=12_000,
                    mean_logit=float(passages.mean()),
                    runs=worst_runs(passages),
                    sentence_logits=passages,
                    sentence_characters=np.full(60, PASSAGE_CHARACTERS),
                )
            )
        return float(np.mean([band.statistic(e) > threshold.logit for e in papers]))

    assert accused(2400) > 0.9
    assert accused(300) < accused(1200) < accused(2400)


def test_a_length_with_too_few_human_texts_accuses_nobody(generator: Generator) -> None:
    few = fit_calibration(samples=samples(generator, 300, least=60, most=140))
    assert few.band(100).threshold(0.02).logit < math.inf
    assert few.band(100).threshold(0.001).logit == math.inf
    assert few.band(2000).threshold(0.02).logit == math.inf


def test_an_unlisted_rate_takes_the_next_stricter_threshold(calibration: Calibration) -> None:
    band = calibration.band(400)
    assert band.threshold(0.015) == band.threshold(0.01)
    assert band.threshold(0.0001).logit == math.inf


def test_a_calibration_survives_its_file(calibration: Calibration) -> None:
    again = Calibration.from_json(calibration.to_json())
    assert again == calibration
    assert again.digest == calibration.digest


@pytest.mark.parametrize(
    "change",
    [
        {"version": 1},
        {"bands": []},
        {"sentences": {}},
        {"sentences": {"slope": 1, "intercept": 0, "ai_at_least": 0.2, "human_at_most": 0.4}},
        {"languages": None},
    ],
)
def test_a_broken_calibration_is_refused(calibration: Calibration, change: dict[str, object]) -> None:
    content = json.loads(calibration.to_json()) | change
    with pytest.raises(CalibrationError):
        Calibration.from_json(json.dumps(content))


def test_a_calibration_that_contradicts_itself_is_refused(calibration: Calibration) -> None:
    content = json.loads(calibration.to_json())
    content["bands"][0]["human_at_most"] = 99.0
    with pytest.raises(CalibrationError, match="both human and accused"):
        Calibration.from_json(json.dumps(content))


def test_without_calibration_no_verdict_is_possible() -> None:
    band = uncalibrated().band(500)
    assert band.threshold(0.02).logit == math.inf
    assert band.human_at_most == -math.inf


def test_legal_texts_are_compared_with_legal_texts_only(generator: Generator) -> None:
    """Human legal writing that looks like a model's raises its own thresholds and nobody else's."""
    plain = samples(generator, 4000, least=300, most=600)
    legal = [
        dataclasses.replace(
            s,
            evidence=dataclasses.replace(
                s.evidence, genre=Genre.LEGAL, mean_logit=s.evidence.mean_logit + (0 if s.is_ai else 3)
            ),
        )
        for s in samples(generator, 1000, least=300, most=600)
    ]
    fitted = fit_calibration(samples=[*plain, *legal])
    general, own = fitted.band(400), fitted.band(400, Genre.LEGAL)
    assert own.name == "legal 300-600"
    assert [t.logit for t in general.thresholds] == [
        t.logit for t in fit_calibration(samples=plain).band(400).thresholds
    ]
    assert own.threshold(0.01).logit > general.threshold(0.01).logit + 1
    again = Calibration.from_json(fitted.to_json())
    assert again.band(400, Genre.LEGAL) == own
    assert fit_calibration(samples=plain).band(400, Genre.LEGAL).genre is Genre.GENERAL


def test_one_line_leads_from_evidence_to_probability_at_every_length(generator: Generator) -> None:
    """A few long AI texts that read human once made every long human text surer of being human."""
    short = samples(generator, 2000, least=150, most=300)
    long = samples(generator, 2000, least=600, most=1500)
    odd = [dataclasses.replace(s, is_ai=True) for s in long if not s.is_ai][:20]
    fitted = fit_calibration(samples=[*short, *long, *odd])
    of_short, of_long = fitted.band(200), fitted.band(1000)
    assert min(of_short.human_texts, of_short.ai_texts, of_long.human_texts, of_long.ai_texts) > 100
    assert of_short.platt == of_long.platt


def test_texts_too_short_for_a_band_do_not_make_a_line(generator: Generator) -> None:
    """Forty legal AI texts beside forty legal human ones that no band holds once called everything AI."""
    plain = samples(generator, 2000, least=300, most=600)
    legal = [
        dataclasses.replace(s, evidence=dataclasses.replace(s.evidence, genre=Genre.LEGAL, characters=length))
        for is_ai, length in ((True, 200), (False, 50))
        for s in [s for s in samples(generator, 80, least=60, most=140) if s.is_ai is is_ai]
    ]
    assert fit_calibration(samples=[*plain, *legal]).band(200, Genre.LEGAL).probability(-3.0) < 0.1


def test_legal_texts_have_a_line_of_their_own_where_there_are_enough(generator: Generator) -> None:
    plain = samples(generator, 2000, least=300, most=600)

    def with_legal(count: int) -> Calibration:
        shifted = [
            dataclasses.replace(
                s,
                evidence=dataclasses.replace(
                    s.evidence, genre=Genre.LEGAL, mean_logit=s.evidence.mean_logit + (0 if s.is_ai else 2)
                ),
            )
            for s in samples(generator, count, least=300, most=600)
        ]
        return fit_calibration(samples=[*plain, *shifted])

    many, few = with_legal(1000), with_legal(20)
    assert many.band(400, Genre.LEGAL).probability(1.0) < many.band(400).probability(1.0) - 0.1
    few_legal = few.band(400, Genre.LEGAL)
    assert few_legal.genre is Genre.LEGAL
    assert few_legal.probability(1.0) == pytest.approx(few.band(400).probability(1.0), abs=0.05)
