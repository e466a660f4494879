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


def conformal_upper(values: Floats, rate: float) -> float:
    """The threshold that a new value of the same kind exceeds with probability at most `rate`.

    Infinite if there are too few values to promise that.
    """
    rank = math.ceil((len(values) + 1) * (1 - rate) - 1e-9)
    return float(np.sort(values)[rank - 1]) if rank <= len(values) else math.inf


def conformal_lower(values: Floats, rate: float) -> float:
    """The threshold that a new value of the same kind stays below with probability at most `rate`."""
    return -conformal_upper(-values, rate)


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


def fit_platt(logits: Floats, is_ai: Booleans) -> Platt:
    """Calibration for even odds: both classes weigh the same, however many there are of each."""
    ai_count, human_count = int(is_ai.sum()), int((~is_ai).sum())
    # Platt's targets keep the line finite where the classes do not overlap.
    targets = np.where(is_ai, (ai_count + 1) / (ai_count + 2), 1 / (human_count + 2))
    weights = np.where(is_ai, 0.5 / max(ai_count, 1), 0.5 / max(human_count, 1))
    parameters = np.array([1.0, 0.0])
    features = np.stack([logits, np.ones_like(logits)], axis=1)
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(features @ parameters, -40, 40)))
        gradient = features.T @ (weights * (p - targets))
        curvature = (features * (weights * p * (1 - p))[:, None]).T @ features + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        parameters -= np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-9:
            break
    slope = float(np.clip(parameters[0], _FLATTEST, _STEEPEST))
    return Platt(slope, float(parameters[1]))


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
