"""The few statistics that a verdict rests on. Plain arithmetic: serving needs no statistics library."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

CONFIDENCE = 0.95
_STEEPEST, _FLATTEST = 20.0, 0.02
ROUNDING = 1e-6  # of sums of weights
_LINE_DECIMALS = 9  # sums in another order, as on other cores, give the same line


@dataclass(frozen=True, slots=True)
class Weighted:
    """Values, and for how much of a text each stands: passages of one text share its weight of one."""

    values: Floats
    weights: Floats

    @property
    def texts(self) -> float:
        return float(self.weights.sum())

    def only(self, chosen: Booleans) -> Weighted:
        return Weighted(self.values[chosen], self.weights[chosen])

    def texts_above(self, limits: Floats) -> Floats:
        order = np.argsort(self.values)
        up_to = np.concatenate([[0.0], np.cumsum(self.weights[order])])
        at_most = up_to[np.searchsorted(self.values[order], limits, side="right")]
        above: Floats = up_to[-1] - at_most
        return above


@dataclass(frozen=True, slots=True)
class Platt:
    """A straight line from a model's log-odds to calibrated log-odds. `slope` > 0, so order is kept."""

    slope: float
    intercept: float

    def probability(self, logit: float) -> float:
        return sigmoid(self.slope * logit + self.intercept)

    def logit(self, probability: float) -> float:
        """The model's log-odds that mean this probability (between 0 and 1, exclusive)."""
        return (math.log(probability / (1 - probability)) - self.intercept) / self.slope


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def conformal_upper(known: Weighted, rate: float) -> float:
    """The threshold that a passage of a new text of the same kind exceeds with probability at most `rate`.

    Infinite if there are too few texts to promise that. With several passages of a text: Lee, Barber and
    Willett, Distribution-free inference with hierarchical data (2023).
    """
    wanted = (known.texts + 1) * (1 - rate) - ROUNDING
    order = np.argsort(known.values)
    place = int(np.searchsorted(np.cumsum(known.weights[order]), wanted))
    return float(known.values[order][place]) if place < len(order) else math.inf


def conformal_lower(known: Weighted, rate: float) -> float:
    """The threshold that a passage of a new text stays below with probability at most `rate`."""
    return -conformal_upper(Weighted(-known.values, known.weights), rate)


def rate_upper_bound(events: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """Exact (Clopper-Pearson) one-sided upper confidence bound of a rate, after `events` in `trials`."""
    if events >= trials:
        return 1.0
    low, high = events / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _binomial_cumulative(events, trials, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def rate_interval(events: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Exact (Clopper-Pearson) two-sided confidence interval of a rate, after `events` in `trials`."""
    one_sided = (1 + confidence) / 2
    lower = 1 - rate_upper_bound(trials - events, trials, one_sided) if trials else 0.0
    return lower, rate_upper_bound(events, trials, one_sided)


def fit_platt(logits: Weighted, is_ai: Booleans) -> Platt:
    """Calibration for even odds: both classes weigh the same, however many texts there are of each."""
    ai_texts, human_texts = logits.only(is_ai).texts, logits.only(~is_ai).texts
    # Platt's targets keep the line finite where the classes do not overlap.
    targets = np.where(is_ai, (ai_texts + 1) / (ai_texts + 2), 1 / (human_texts + 2))
    weights = logits.weights * np.where(is_ai, 0.5 / max(ai_texts, 1), 0.5 / max(human_texts, 1))
    parameters = np.array([1.0, 0.0])
    features = np.stack([logits.values, np.ones_like(logits.values)], axis=1)
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(features @ parameters, -40, 40)))
        gradient = features.T @ (weights * (p - targets))
        curvature = (features * (weights * p * (1 - p))[:, None]).T @ features + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        parameters -= np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-9:
            break
    slope = float(np.clip(parameters[0], _FLATTEST, _STEEPEST))
    return Platt(round(slope, _LINE_DECIMALS), round(float(parameters[1]), _LINE_DECIMALS))


def _binomial_cumulative(events: int, trials: int, rate: float) -> float:
    """P(X <= events) for `trials` trials."""
    if rate in (0.0, 1.0):
        return 1.0 if rate == 0.0 else 0.0
    log_rate, log_rest = math.log(rate), math.log1p(-rate)
    whole = math.lgamma(trials + 1)
    return math.fsum(
        math.exp(
            whole - math.lgamma(k + 1) - math.lgamma(trials - k + 1) + k * log_rate + (trials - k) * log_rest
        )
        for k in range(events + 1)
    )
