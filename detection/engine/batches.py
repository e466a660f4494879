"""Segments that go through the model together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

# A CPU is as fast with this as with more, which would only take longer to answer and more memory.
BATCH_TOKENS = 1024
ACCELERATOR_BATCH_TOKENS = 16_384
LENGTH_STEP = 64

TokenIds = npt.NDArray[np.int64]


def padded_length(length: int, maximum: int) -> int:
    """The length a segment is padded to. It depends on the segment alone, never on who shares its batch."""
    return min(max(1, -(-length // LENGTH_STEP)) * LENGTH_STEP, maximum)


def batch_capacity(padded: int, batch_tokens: int = BATCH_TOKENS) -> int:
    """How many segments of one padded length a batch of at most `batch_tokens` tokens holds; at least one."""
    return max(1, batch_tokens // padded)


def planned_batches(
    padded_lengths: Sequence[int], batch_tokens: int = BATCH_TOKENS
) -> list[tuple[int, list[int]]]:
    """(padded length, numbers of the segments in it), at most `batch_tokens` tokens each, longest first.

    Only segments of one padded length share a batch: no work is spent on padding, and the shapes are few.
    """
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for number, padded in enumerate(padded_lengths):
        by_length[padded].append(number)
    batches: list[tuple[int, list[int]]] = []
    for padded in sorted(by_length, reverse=True):
        numbers = by_length[padded]
        size = batch_capacity(padded, batch_tokens)
        batches.extend((padded, numbers[i : i + size]) for i in range(0, len(numbers), size))
    return batches


class BatchInput:
    """What a model reads: rows of token ids of one padded length, one below the other."""

    def __init__(self, *, padded: int, capacity: int, pad_token_id: int) -> None:
        self.padded = padded
        self._ids = np.full((capacity, padded), pad_token_id, dtype=np.int64)
        self._mask = np.zeros_like(self._ids)
        self.rows = 0
        self.real_tokens = 0

    def add(self, ids: TokenIds) -> None:
        self._ids[self.rows, : len(ids)] = ids
        self._mask[self.rows, : len(ids)] = 1
        self.rows += 1
        self.real_tokens += len(ids)

    @property
    def input_ids(self) -> TokenIds:
        """(rows, padded length)"""
        return self._ids[: self.rows]

    @property
    def attention_mask(self) -> TokenIds:
        return self._mask[: self.rows]

    @property
    def padded_tokens(self) -> int:
        return self.rows * self.padded
