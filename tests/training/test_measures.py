"""Figures that others will quote, against plain definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from detection.training.measures import (
    auroc,
    bootstrap_interval,
    expected_calibration_error,
    tpr_at_fpr,
)


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    noise = np.random.default_rng(1)
    scores = np.round(noise.normal(size=80), 1)  # rounded, so that there are ties
    is_ai = noise.random(80) < 0.4
    pairs = [(a > h) + (a == h) / 2 for a in scores[is_ai] for h in scores[~is_ai]]
    assert auroc(scores, is_ai) == pytest.approx(np.mean(pairs))
    assert math.isnan(auroc(scores, np.ones(80, dtype=np.bool_)))


def test_tpr_is_taken_at_a_threshold_that_few_enough_human_texts_exceed() -> None:
    human, ai = np.arange(200.0), np.array([150.0, 197.5, 198.5, 250.0])
    scores = np.concatenate([human, ai])
    is_ai = np.arange(204) >= 200
    assert tpr_at_fpr(scores, is_ai, 0.01) == 0.75  # two of 200 may be above: 198 and 199
    assert tpr_at_fpr(scores, is_ai, 0.001) == 0.25


def test_honest_probabilities_have_no_calibration_error_and_boasts_have() -> None:
    noise = np.random.default_rng(2)
    stated = noise.random(40_000)
    is_ai = noise.random(40_000) < stated
    assert expected_calibration_error(stated, is_ai) < 0.02
    assert expected_calibration_error(np.where(stated > 0.5, 1.0, 0.0), is_ai) > 0.2


def test_an_interval_over_few_documents_is_wider_than_one_over_their_many_passages() -> None:
    noise = np.random.default_rng(3)
    values = np.repeat(noise.normal(size=20), 50)

    def width(groups: list[str]) -> float:
        low, high = bootstrap_interval(lambda rows: float(values[rows].mean()), groups)
        return high - low

    by_document = [f"document {i // 50}" for i in range(1000)]
    assert width(by_document) > 3 * width([str(i) for i in range(1000)])
