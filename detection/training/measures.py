"""How well scores tell AI from human, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from detection.scoring.statistics import Booleans, Floats

Integers = npt.NDArray[np.int64]

BOOTSTRAP_ROUNDS = 500
_INTERVAL = (0.025, 0.975)


def auroc(scores: Floats, is_ai: Booleans) -> float:
    """The probability that an AI text scores above a human one; ties count half. NaN without both."""
    ai_count, human_count = int(is_ai.sum()), int((~is_ai).sum())
    if not ai_count or not human_count:
        return math.nan
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[is_ai].sum() - ai_count * (ai_count + 1) / 2) / (ai_count * human_count))


def tpr_at_fpr(scores: Floats, is_ai: Booleans, rate: float) -> float:
    """The share of AI texts above the lowest threshold that at most `rate` of these human texts exceed."""
    human = np.sort(scores[~is_ai])
    if not len(human) or not is_ai.any():
        return math.nan
    allowed = math.floor(len(human) * rate + 1e-9)
    return float((scores[is_ai] > human[len(human) - 1 - allowed]).mean())


def f1(is_marked: Booleans, is_ai: Booleans) -> float:
    """The harmonic mean of precision and recall of the marks; 0 where neither finds anything."""
    hits = int((is_marked & is_ai).sum())
    return 2 * hits / max(int(is_marked.sum()) + int(is_ai.sum()), 1)


def expected_calibration_error(probabilities: Floats, is_ai: Booleans, bins: int = 10) -> float:
    """Mean distance of stated from true share of AI over equal bins; both classes weigh the same."""
    return sum(
        weight * abs(stated - true) for stated, true, weight in reliability(probabilities, is_ai, bins)
    )


def reliability(probabilities: Floats, is_ai: Booleans, bins: int = 10) -> list[tuple[float, float, float]]:
    """(mean stated probability, true share of AI, weight) of each bin that is not empty."""
    weights = np.where(is_ai, 0.5 / max(int(is_ai.sum()), 1), 0.5 / max(int((~is_ai).sum()), 1))
    numbers = np.minimum((probabilities * bins).astype(int), bins - 1)
    points = []
    for number in np.unique(numbers):
        inside = numbers == number
        weight = float(weights[inside].sum())
        stated = float((weights * probabilities)[inside].sum()) / weight
        true = float(weights[inside & is_ai].sum()) / weight
        points.append((stated, true, weight))
    return points


def bootstrap_interval(
    measure: Callable[[Integers], float], groups: Sequence[str], *, seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of `measure` (of row numbers) when whole groups are drawn anew."""
    rng = np.random.default_rng(seed)
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    group_of_row = np.array([numbers[group] for group in groups], dtype=np.int64)
    by_group = np.argsort(group_of_row, kind="stable")
    sizes = np.bincount(group_of_row)
    starts = np.cumsum(sizes) - sizes
    values = []
    for _ in range(BOOTSTRAP_ROUNDS):
        drawn = rng.integers(0, len(sizes), len(sizes))
        drawn_sizes = sizes[drawn]
        ends = np.cumsum(drawn_sizes)
        shift = np.repeat(starts[drawn] - (ends - drawn_sizes), drawn_sizes)
        values.append(measure(by_group[shift + np.arange(ends[-1])]))
    low, high = np.nanquantile(np.array(values), _INTERVAL)
    return float(low), float(high)
