"""Fitting a calibration. Used by training; pure, so that serving and training share every definition."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from detection.scoring.calibration import (
    BAND_EDGES,
    TOLERATED_FPRS,
    Band,
    Calibration,
    RunDiscount,
    SentenceCalibration,
    Threshold,
)
from detection.scoring.evidence import RUN_CHARACTERS, Evidence
from detection.scoring.genre import Genre
from detection.scoring.statistics import (
    ROUNDING,
    Booleans,
    Floats,
    Platt,
    Weighted,
    conformal_lower,
    conformal_upper,
    fit_platt,
    rate_upper_bound,
)

TOLERATED_MISS_RATE = 0.05  # of AI texts that may be called human
MOST_HUMAN_P_AI = 0.3  # a text is not called human on less than that
LEAST_RUN_TEXTS = 100
LEAST_PLATT_TEXTS = 30
_RUN_TAIL_QUANTILE = 0.95
_SENTENCE_ERROR_RATE = 0.1


@dataclass(frozen=True, slots=True)
class Sample:
    """One document whose author is known. A mixed or refined document is no sample.

    Samples with the same `text_digest` are passages of one text and count as one; without, each counts.
    """

    evidence: Evidence
    is_ai: bool
    text_digest: str = ""


def fit_calibration(
    *, samples: Sequence[Sample], languages: Sequence[str] = ("zh",), description: str = ""
) -> Calibration:
    """Calibrate on documents that the model has not been trained on; both classes must be there.

    Thresholds come from the human documents alone. Crop documents to give every length its texts.
    """
    pooled = _pooled_platt(samples)
    calibration = Calibration(
        bands=_fit_bands(samples, Genre.GENERAL, pooled),
        legal_bands=_fit_bands(samples, Genre.LEGAL, pooled),
        sentences=_fit_sentences(samples),
        languages=tuple(languages),
        description=description,
    )
    calibration.check()
    return calibration


def _fit_bands(samples: Sequence[Sample], genre: Genre, pooled: Platt) -> tuple[Band, ...]:
    """The bands of a genre; none where no sample is of it.

    One line from evidence to log-odds for all lengths: with a line for each, texts of different lengths rank
    worse among each other, and on unseen sources their probabilities are no better (docs/training.md).
    """
    if not any(sample.evidence.genre is genre for sample in samples):
        return ()
    blank: list[Band] = []
    statistics: list[Weighted] = []
    is_ai: list[Booleans] = []
    for low, high in pairwise(BAND_EDGES):
        empty = Band(low or 0, high, 0, 0, Platt(1.0, 0.0), -math.inf, (), genre=genre)
        inside = [sample for sample in samples if empty.holds(sample.evidence)]
        band = _blank_band(empty, inside)
        blank.append(band)
        statistics.append(weighted(inside, [band.statistic(s.evidence) for s in inside]))
        is_ai.append(_is_ai(inside))
    labels = np.concatenate(is_ai)
    of_all = Weighted(
        np.concatenate([of_band.values for of_band in statistics]),
        np.concatenate([of_band.weights for of_band in statistics]),
    )
    enough = min(of_all.only(labels).texts, of_all.only(~labels).texts) >= LEAST_PLATT_TEXTS
    platt = fit_platt(of_all, labels) if enough else pooled
    return tuple(
        _fit_band(band, platt, of_band, of_ai)
        for band, of_band, of_ai in zip(blank, statistics, is_ai, strict=True)
    )


def _blank_band(empty: Band, samples: Sequence[Sample]) -> Band:
    """Without line and thresholds, to take statistics of texts with."""
    human, ai = ([sample for sample in samples if sample.is_ai is is_ai] for is_ai in (False, True))
    runs = tuple(run for length in RUN_CHARACTERS if (run := _fit_run(human, length)))
    return replace(empty, human_texts=_texts(human), ai_texts=_texts(ai), runs=runs)


def weighted(samples: Sequence[Sample], values: Sequence[float]) -> Weighted:
    """A value of each sample; passages of one text share its weight."""
    return Weighted(np.array(values, dtype=np.float64), _weights(samples))


def _weights(samples: Sequence[Sample]) -> Floats:
    counts = Counter(sample.text_digest for sample in samples)
    weights = [1 / counts[sample.text_digest] if sample.text_digest else 1.0 for sample in samples]
    return np.array(weights, dtype=np.float64)


def _texts(samples: Sequence[Sample]) -> int:
    return round(float(_weights(samples).sum()))


def _is_ai(samples: Sequence[Sample]) -> Booleans:
    return np.array([sample.is_ai for sample in samples], dtype=np.bool_)


def _fit_band(blank: Band, platt: Platt, statistics: Weighted, is_ai: Booleans) -> Band:
    human = statistics.only(~is_ai)
    # Never accuse where the calibrated probability itself says human.
    thresholds = tuple(
        threshold_at(max(conformal_upper(human, rate), platt.logit(0.5)), rate=rate, human=human)
        for rate in TOLERATED_FPRS
    )
    human_at_most = min(
        conformal_lower(statistics.only(is_ai), TOLERATED_MISS_RATE),
        platt.logit(MOST_HUMAN_P_AI),
        *(threshold.logit for threshold in thresholds),
    )
    return replace(blank, platt=platt, human_at_most=human_at_most, thresholds=thresholds)


def _fit_run(human: Sequence[Sample], length: int) -> RunDiscount | None:
    """Bring human runs of a length to the level of human means at the tail, where thresholds lie.

    Each document counts: there are enough of them for a line through the tail, and no promise rests on it.
    """
    found = [(s.evidence, run) for s in human for run in s.evidence.runs if run.characters == length]
    if len(found) < LEAST_RUN_TEXTS:
        return None
    logits = np.array([run.logit for _, run in found])
    means = np.array([evidence.mean_logit for evidence, _ in found])
    tail = float(np.quantile(logits, _RUN_TAIL_QUANTILE))
    return RunDiscount(
        run_characters=length,
        offset=tail - float(np.quantile(means, _RUN_TAIL_QUANTILE)),
        tail_scale=float((logits[logits >= tail] - tail).mean()),
        reference_characters=float(np.median([evidence.characters for evidence, _ in found])),
    )


def threshold_at(logit: float, *, rate: float, human: Weighted) -> Threshold:
    """The threshold, and the human texts behind it: accused parts of texts add up, and are rounded up."""
    texts = round(human.texts)
    accused = math.ceil(human.texts_above(np.array([logit]))[0] - ROUNDING)
    bound = rate_upper_bound(accused, texts) if texts else 1.0
    return Threshold(rate, logit, texts, accused, bound)


def _fit_sentences(samples: Sequence[Sample]) -> SentenceCalibration:
    counts = [len(sample.evidence.sentence_logits) for sample in samples]
    logits = Weighted(
        np.concatenate([sample.evidence.sentence_logits for sample in samples]),
        np.repeat(_weights(samples), counts),
    )
    is_ai = np.repeat(_is_ai(samples), counts)
    platt = fit_platt(logits, is_ai)
    ai_from = conformal_upper(logits.only(~is_ai), _SENTENCE_ERROR_RATE)
    human_to = conformal_lower(logits.only(is_ai), _SENTENCE_ERROR_RATE)
    return SentenceCalibration(
        platt=platt,
        ai_at_least=max(0.5, platt.probability(min(ai_from, 100.0))),
        human_at_most=min(0.5, platt.probability(max(human_to, -100.0))),
    )


def _pooled_platt(samples: Sequence[Sample]) -> Platt:
    logits = weighted(samples, [sample.evidence.mean_logit for sample in samples])
    is_ai = _is_ai(samples)
    if not is_ai.any() or is_ai.all():
        raise ValueError("a calibration needs human and AI documents")
    return fit_platt(logits, is_ai)
