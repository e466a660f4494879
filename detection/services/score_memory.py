"""The scores that this process saw last, so that what comes again soon is not even asked of Valkey.

Erasing reaches every process: it counts up an epoch in Valkey, which each look-up reads along with whatever
the memory does not hold, and whose change empties the memory. Numbers only, under hashes; never a text.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from detection.scoring.types import SegmentScore

ENTRIES_AT_MOST = 20_000  # of some 300 bytes


class ScoreMemory:
    """The least lately used goes first. Safe to use from several threads."""

    def __init__(self, *, entries_at_most: int = ENTRIES_AT_MOST) -> None:
        self._entries_at_most = entries_at_most
        self._lock = threading.Lock()
        self._scores: OrderedDict[str, SegmentScore] = OrderedDict()
        self._epoch: bytes | None = None

    def look_up(self, keys: Sequence[str]) -> list[SegmentScore | None]:
        with self._lock:
            found = [self._scores.get(key) for key in keys]
            for key, score in zip(keys, found, strict=True):
                if score is not None:
                    self._scores.move_to_end(key)
        return found

    def keep(self, keys: Sequence[str], scores: Sequence[SegmentScore]) -> None:
        with self._lock:
            for key, score in zip(keys, scores, strict=True):
                self._scores[key] = score
                self._scores.move_to_end(key)
            while len(self._scores) > self._entries_at_most:
                self._scores.popitem(last=False)

    def is_of_epoch(self, epoch: bytes | None) -> bool:
        """False, and an empty memory, when something was erased since the last look."""
        with self._lock:
            if epoch == self._epoch:
                return True
            self._epoch = epoch
            self._scores.clear()
            return False

    def clear(self) -> None:
        with self._lock:
            self._scores.clear()
