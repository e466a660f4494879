"""Examples as tensors, like lengths together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from detection.training.sampling import Example, Sampler

# Examples sorted by length before they are cut into batches, for each so many tokens of a batch.
POOL_EXAMPLES, POOL_TOKENS = 600, 4096


@dataclass(frozen=True, slots=True)
class Batch:
    """(examples, tokens) each; `is_text` is 0 on padding and special tokens. `is_pure` is (examples,)."""

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    is_text: torch.Tensor
    labels: torch.Tensor
    is_pure: torch.Tensor

    def to(self, device: str | torch.device) -> Batch:
        return Batch(*(getattr(self, name).to(device) for name in self.__slots__))


class Feed(IterableDataset[tuple[int, list[Batch]]]):
    """(pool, its batches) without end, from the given pool on; like lengths share a batch."""

    def __init__(self, sampler: Sampler, batch_tokens: int, special: tuple[int, int], pool: int) -> None:
        """`special`: the numbers of the first and the last token."""
        self._sampler = sampler
        self._batch_tokens = batch_tokens
        self._special = special
        self._first = pool

    def __iter__(self) -> Iterator[tuple[int, list[Batch]]]:
        worker = get_worker_info()
        offset, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for pool in count(self._first + offset, step):
            batches = self._pool(pool)
            order = np.random.default_rng([self._sampler.seed, pool]).permutation(len(batches))
            yield pool, [collated(batches[number], self._special) for number in order]

    def running_ahead(self, *, processes: int) -> DataLoader[tuple[int, list[Batch]]]:
        """The same in the same order, made by processes beside: a GPU reads faster than one writes."""
        return DataLoader(
            self,
            batch_size=None,
            collate_fn=_as_it_is,
            num_workers=processes,
            multiprocessing_context="fork" if processes else None,
        )

    def _pool(self, pool: int) -> list[list[Example]]:
        size = max(1, POOL_EXAMPLES * self._batch_tokens // POOL_TOKENS)
        examples = [self._sampler.example(n) for n in range(pool * size, (pool + 1) * size)]
        return _cut(sorted(examples, key=lambda e: len(e.tokens)), self._batch_tokens)


def collated(examples: Sequence[Example], special: tuple[int, int]) -> Batch:
    """Padded with token 0; `special` are the numbers of the first and the last token."""
    length = max(len(example.tokens) for example in examples) + 2
    input_ids = torch.zeros(len(examples), length, dtype=torch.long)
    attention_mask = torch.zeros_like(input_ids)
    is_text, labels = torch.zeros(2, len(examples), length)
    for row, example in enumerate(examples):
        count = len(example.tokens)
        input_ids[row, 0], input_ids[row, count + 1] = special
        input_ids[row, 1 : count + 1] = torch.from_numpy(example.tokens.astype(np.int64))
        attention_mask[row, : count + 2] = 1
        is_text[row, 1 : count + 1] = 1
        labels[row, 1 : count + 1] = torch.from_numpy(example.labels)
    is_pure = torch.tensor([float(example.is_pure) for example in examples])
    return Batch(input_ids, attention_mask, is_text, labels, is_pure)


def _cut(examples: Sequence[Example], batch_tokens: int) -> list[list[Example]]:
    batches: list[list[Example]] = [[]]
    for example in examples:
        if batches[-1] and (len(example.tokens) + 2) * (len(batches[-1]) + 1) > batch_tokens:
            batches.append([])
        batches[-1].append(example)
    return batches


def _as_it_is(batch: Any) -> Any:
    return batch
