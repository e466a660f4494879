"""Medians, percentiles, and rounds in which the compared things take turns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

Material = TypeVar("Material")


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all values do not exceed."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def interleaved(
    measures: Mapping[str, Callable[[Material], float]], rounds: Sequence[Material]
) -> dict[str, list[float]]:
    """Each measure once a round, so that a slow minute of the machine hits all of them alike.

    What a round consists of (texts, or nothing but its number) is the same for all its measures. Every second
    round goes backwards: none is always the one that comes after a certain other.
    """
    results: dict[str, list[float]] = {name: [] for name in measures}
    for number, material in enumerate(rounds):
        for name in reversed(list(measures)) if number % 2 else list(measures):
            results[name].append(measures[name](material))
    return results


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """Round by round: a slow round is slow for both, which the medians of each side would not know."""
    return [above / below for above, below in zip(numerators, denominators, strict=True)]
