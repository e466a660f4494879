"""Where a probability stands on a drawn scale.

The scale is even in log-odds, because what matters happens near the ends: between 90 % and 99.9 % lies as
much evidence as between 10 % and 90 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

WIDTH = 1000
LEAST = 0.001
TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
# From here on a threshold is one that nothing can pass.
UNREACHABLE = 1 - 1e-9


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    label: str
    anchor: str


@dataclass(frozen=True, slots=True)
class ProbabilityScale:
    """In units of a drawing that is `WIDTH` wide. Without a reachable threshold `threshold_x` is None."""

    marker_x: float
    marker_anchor: str
    threshold_x: float | None
    threshold_anchor: str
    accused_width: float
    ticks: tuple[Tick, ...]


def probability_scale(*, p_ai: float, threshold: float) -> ProbabilityScale:
    threshold_x = position(threshold) if threshold < UNREACHABLE else None
    marker_x = position(p_ai)
    return ProbabilityScale(
        marker_x=marker_x,
        marker_anchor=_anchor(marker_x),
        threshold_x=threshold_x,
        threshold_anchor=_anchor(threshold_x or 0),
        accused_width=WIDTH - threshold_x if threshold_x is not None else 0,
        ticks=tuple(_tick(p) for p in TICKS),
    )


def position(p: float) -> float:
    """0 … WIDTH; probabilities beyond the last ticks stand at the ends."""
    clipped = min(max(p, LEAST), 1 - LEAST)
    reach = math.log((1 - LEAST) / LEAST)
    return round((math.log(clipped / (1 - clipped)) / reach + 1) / 2 * WIDTH, 1)


def _tick(p: float) -> Tick:
    x = position(p)
    return Tick(x, f"{p * 100:g}%", _anchor(x))


def _anchor(x: float) -> str:
    """A text at the very end would be cut off if it were centred there."""
    if x < WIDTH * 0.08:
        return "start"
    return "end" if x > WIDTH * 0.92 else "middle"
