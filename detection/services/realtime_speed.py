"""How fast a realtime worker answers, told by what it has answered."""

from __future__ import annotations

import time
from collections.abc import Sequence

INTERVAL_SECONDS = 1.0


class Speed:
    """What was done in a second while there was anything to do."""

    def __init__(self) -> None:
        self.calls_a_second = 0.0
        self._weight_a_second = 0.0
        self._busy_since: float | None = None
        self._busy_seconds = 0.0
        self._weights: list[int] = []

    def begin(self) -> None:
        if self._busy_since is None:
            self._busy_since = time.monotonic()

    def end(self, weights: Sequence[int], *, is_idle: bool) -> float | None:
        """The weight a second, told once in a second of work."""
        now = time.monotonic()
        self._weights.extend(weights)
        self._busy_seconds += now - (self._busy_since or now)
        self._busy_since = None if is_idle else now
        if self._busy_seconds < INTERVAL_SECONDS:
            return None
        self.calls_a_second = _between(self.calls_a_second, len(self._weights) / self._busy_seconds)
        self._weight_a_second = _between(self._weight_a_second, sum(self._weights) / self._busy_seconds)
        self._busy_seconds, self._weights = 0.0, []
        return self._weight_a_second


def _between(before: float, latest: float) -> float:
    return 0.5 * (before + latest) if before else latest
