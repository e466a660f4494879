"""Cutting encoded segments into batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

BATCH_TOKENS = 4096
LENGTH_STEP = 64


def padded_length(length: int, maximum: int) -> int:
    """The length a segment is padded to. It depends on the segment alone, never on who shares its batch."""
    return min(-(-length // LENGTH_STEP) * LENGTH_STEP, maximum)


def planned_batches(lengths: Sequence[int], maximum: int) -> list[tuple[int, list[int]]]:
    """(padded length, numbers of the segments in it), at most `BATCH_TOKENS` tokens each, longest first.

    Only segments of one padded length share a batch: no work is spent on padding, and the shapes are few.
    """
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for number, length in enumerate(lengths):
        by_length[padded_length(length, maximum)].append(number)
    batches: list[tuple[int, list[int]]] = []
    for padded in sorted(by_length, reverse=True):
        numbers = by_length[padded]
        size = max(1, BATCH_TOKENS // padded)
        batches.extend((padded, numbers[i : i + size]) for i in range(0, len(numbers), size))
    return batches
