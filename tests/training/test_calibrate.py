"""Thresholds that protect every kind of human writing, not only the average."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detection.scoring.calibration import Threshold
from detection.scoring.evidence import Evidence
from detection.scoring.genre import Genre
from detection.scoring.statistics import Weighted
from detection.scoring.types import SegmentInput, SegmentScore
from detection.training.calibrate import (
    ScoredDocument,
    calibrate,
    fit,
    scored_documents,
    tolerable_for_each,
)
from detection.training.configuration import read_configuration
from detection.training.documents import Document
from detection.training.errors import PipelineError
from detection.training.scores import RememberingScorer
from detection.training.texts import AI, HUMAN, PACKAGES_FILE, is_held_out, read_texts
from tests.training.made_corpora import row, write_corpus


def scored_document(
    label: str, source: str, logit: float, number: int, genre: Genre = Genre.GENERAL, digest: str = ""
) -> ScoredDocument:
    evidence = Evidence(
        characters=200,
        mean_logit=logit,
        runs=(),
        sentence_logits=np.array([logit]),
        sentence_characters=np.array([200]),
        genre=genre,
    )
    document = Document("", label, source, "", f"{source} {number}", text_digest=digest)
    return ScoredDocument(document, evidence)


def made_documents(*, law_logit: float) -> list[ScoredDocument]:
    noise = np.random.default_rng(8)
    kinds = ((HUMAN, "h_thuc", -4.0, 3000), (HUMAN, "h_laws", law_logit, 300), (AI, "cred", 6.0, 500))
    return [
        scored_document(label, source, float(noise.normal(mean, 1)), number)
        for label, source, mean, count in kinds
        for number in range(count)
    ]


def accused_laws(documents: list[ScoredDocument]) -> float:
    band = fit(documents, languages=("zh",)).band(200)
    threshold = band.threshold(0.01).logit
    laws = [d for d in documents if d.document.source == "h_laws"]
    return float(np.mean([band.statistic(d.evidence) > threshold for d in laws]))


def test_a_small_kind_that_looks_like_ai_is_protected_like_the_large_ones() -> None:
    documents = made_documents(law_logit=1.0)
    pooled = np.quantile([d.evidence.mean_logit for d in documents if d.document.label == HUMAN], 0.99)
    laws = [d.evidence.mean_logit for d in documents if d.document.source == "h_laws"]
    assert np.mean(np.array(laws) > pooled) > 0.05  # what thresholds over all human texts alone would do
    assert accused_laws(documents) <= 0.01


def test_of_a_kind_too_rare_for_a_quantile_nobody_known_is_accused() -> None:
    rare = [scored_document(HUMAN, "h_cmrc", logit, number) for number, logit in enumerate((0.5, 3.0))]
    band = fit(made_documents(law_logit=-2.0) + rare, languages=("zh",)).band(200)
    assert all(band.statistic(d.evidence) <= band.threshold(0.02).logit for d in rare)


@pytest.mark.parametrize("count", [300, 3000])
def test_however_many_statutes_do_not_hide_court_cases(count: int) -> None:
    """Most legal texts are statutes and read like nobody's model."""
    noise = np.random.default_rng(9)
    statutes = [
        scored_document(HUMAN, "h_laws", float(noise.normal(-3, 1)), number, Genre.LEGAL)
        for number in range(count)
    ]
    cases = [
        scored_document(HUMAN, "h_cases", -2.0 + 0.1 * number, number, Genre.LEGAL) for number in range(60)
    ]
    band = fit([*made_documents(law_logit=-2.0), *statutes, *cases], languages=("zh",)).band(200, Genre.LEGAL)
    assert band.genre is Genre.LEGAL
    assert all(band.statistic(d.evidence) <= band.threshold(0.01).logit for d in cases)


def test_one_odd_text_decides_for_everybody_only_where_its_source_is_small() -> None:
    def threshold(usual_texts: int) -> float:
        odd = [scored_document(HUMAN, "h_sogouc", 3.0, 0)]
        usual = [scored_document(HUMAN, "h_sogouc", -4.0, n) for n in range(1, usual_texts)]
        documents = made_documents(law_logit=-2.0) + odd + usual
        return fit(documents, languages=("zh",)).band(200).threshold(0.01).logit

    assert threshold(10) == 3.0
    assert threshold(200) < 2.0


def test_no_group_is_expected_to_be_accused_more_often_than_tolerated() -> None:
    values = Weighted(np.arange(1000.0), np.ones(1000))
    high = values.only(values.values >= 980)  # twenty, all of them at the top
    assert tolerable_for_each(values, [values], 0.01, 0) == 989.0  # ten above
    assert tolerable_for_each(values, [values], 0.01, 50) == 990.0  # (9 + 50 * 10 / 1001) / (1000 + 50)
    assert tolerable_for_each(values, [values, high], 0.01, 50) == 999.0
    assert tolerable_for_each(values, [values, high], 0.05, 0) == 998.0
    assert tolerable_for_each(Weighted(np.array([]), np.array([])), [], 0.01, 50) == math.inf


def test_passages_of_one_text_count_as_one() -> None:
    """Twenty passages of one odd text decide no more than one of them would."""

    def threshold(logits: Sequence[float]) -> Threshold:
        odd = [scored_document(HUMAN, "h_sogouc", logit, 0, digest="odd") for logit in logits]
        usual = [scored_document(HUMAN, "h_sogouc", -4.0, n) for n in range(1, 20)]
        return fit(made_documents(law_logit=-2.0) + odd + usual, languages=("zh",)).band(200).threshold(0.01)

    alone = threshold([3.0])
    assert alone.texts == 3000 + 300 + 20
    assert alone.logit == 3.0  # of so small a source nobody known is accused
    assert threshold([3.0] * 20) == alone
    of_parts = threshold([3.0] * 2 + [-4.0] * 18)  # a tenth of a text
    assert of_parts.logit < 2.0 and of_parts.texts == alone.texts


def test_stricter_rates_never_have_lower_thresholds() -> None:
    for band in fit(made_documents(law_logit=0.0), languages=("zh",)).bands:
        by_rate = sorted(band.thresholds, key=lambda t: t.tolerated_fpr)
        logits = [threshold.logit for threshold in by_rate]
        assert logits == sorted(logits, reverse=True)


class CountingScorer:
    model_name = "counting"
    model_digest = "d" * 64

    def __init__(self) -> None:
        self.scored = 0

    def score(self, segments: Sequence[SegmentInput]) -> list[SegmentScore]:
        self.scored += len(segments)
        return [
            SegmentScore(float(len(s.text)), (float(len(s.text)),) * len(s.sentence_ends)) for s in segments
        ]


def test_of_packages_only_human_texts_that_training_never_read_calibrate(tmp_path: Path) -> None:
    for name in ("train", "dev", "dev_fpr"):
        write_corpus(tmp_path, [row("human", "h_thuc", n) for n in range(4)], name)
    rows = [row(HUMAN, "p_tales", n) for n in range(80)]
    rows += [row(AI, "p_tales", n, pair=f"by a model {n}") for n in range(80)]
    write_corpus(tmp_path, rows, "packages")
    packages = tmp_path / "packages.jsonl.xz"
    documents = scored_documents(tmp_path, packages, CountingScorer(), read_configuration())
    of_packages = [d.document for d in documents if d.document.source == "p_tales"]
    used = {document.group for document in of_packages}
    held = [text for text in read_texts(packages) if is_held_out(text.label, text.pair, text.text)]
    assert used == {text.group for text in held}
    assert {document.label for document in of_packages} == {HUMAN}
    assert 0 < len(used) < 20


@pytest.mark.parametrize(("is_shipped", "message"), [(True, "run `packages` first"), (False, "not fitted")])
def test_what_ships_is_calibrated_on_packages_too_and_other_models_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_shipped: bool, message: str
) -> None:
    configuration = read_configuration()
    changed = replace(configuration, model=replace(configuration.model, is_shipped=is_shipped))

    def stopped(*_: Any, **__: Any) -> None:
        raise RuntimeError("not fitted")

    monkeypatch.setattr("detection.training.calibrate.load_model_folder", stopped)
    with pytest.raises((PipelineError, RuntimeError), match=message):
        calibrate(
            folder=tmp_path / "model",
            data=tmp_path,
            packages=tmp_path / PACKAGES_FILE,
            cache=tmp_path / "scores",
            configuration=changed,
        )
    assert not list(tmp_path.iterdir())


def test_a_segment_is_scored_once_even_by_the_next_run(tmp_path: Path) -> None:
    counting = CountingScorer()
    segments = [SegmentInput(text, (len(text),)) for text in ("天地。", "人。", "天地。")]
    first = RememberingScorer(counting, tmp_path).score(segments)
    again = RememberingScorer(counting, tmp_path).score(segments)
    assert first == again == CountingScorer().score(segments)
    assert counting.scored == 2
