"""Medians, percentiles, and rounds in which the compared things take turns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all values do not exceed."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def interleaved(
    measures: Mapping[str, Callable[[], float]], *, rounds: int, reverse_every_second: bool = True
) -> dict[str, list[float]]:
    """Each measure once a round, so that a slow minute of the machine hits all of them alike.

    Every second round goes backwards: none is always the one that comes after a certain other.
    """
    results: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(rounds):
        names = list(measures)
        if reverse_every_second and number % 2:
            names.reverse()
        for name in names:
            results[name].append(measures[name]())
    return results


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """The median of the ratios round by round, not the ratio of the medians."""
    return median(ratios(numerators, denominators))


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    return [above / below for above, below in zip(numerators, denominators, strict=True)]


def spread(values: Sequence[float]) -> float:
    """(largest - smallest) ÷ median: how much the rounds disagree."""
    middle = median(values)
    return (max(values) - min(values)) / middle if middle else 0.0
