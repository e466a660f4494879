"""Examples as tensors, like lengths together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from detection.training.sampling import Example, Sampler

# So many examples for every so many tokens of a batch are sorted by length before they are cut into batches.
_POOL_EXAMPLES, _POOL_TOKENS = 600, 4096

# What a `Batch` is made of. Processes pass arrays to one another, for a tensor would take an open file.
Arrays = tuple[npt.NDArray[Any], ...]


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

    def rows(self, chosen: torch.Tensor | slice) -> Batch:
        """The examples of a slice, or those that are true in `chosen`."""
        return Batch(*(getattr(self, name)[chosen] for name in self.__slots__))


class Feed(IterableDataset[tuple[int, list[Arrays]]]):
    """Pools of batches without end, from the given one on; like lengths share a batch."""

    def __init__(
        self, sampler: Sampler, batch_tokens: int, special: tuple[int, int], first_pool: int = 0
    ) -> None:
        """`special`: the numbers of the first and the last token."""
        self._sampler = sampler
        self._batch_tokens = batch_tokens
        self._special = special
        self._first_pool = first_pool

    def __iter__(self) -> Iterator[tuple[int, list[Arrays]]]:
        worker = get_worker_info()
        offset, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for pool in count(self._first_pool + offset, step):
            batches = self._pool(pool)
            order = np.random.default_rng([self._sampler.seed, pool]).permutation(len(batches))
            yield pool, [_arrays(batches[number], self._special) for number in order]

    def batches(self, *, processes: int) -> Iterator[tuple[int, int, Batch]]:
        """(pool, number in it, batch), made by processes beside: a GPU reads faster than one can write.

        The order is the same however many they are.
        """
        pools = DataLoader(
            self,
            batch_size=None,
            collate_fn=_as_it_is,
            num_workers=processes,
            multiprocessing_context="fork" if processes else None,
        )
        for pool, batches in pools:
            for number, arrays in enumerate(batches):
                yield pool, number, Batch(*map(torch.from_numpy, arrays))

    def _pool(self, pool: int) -> list[list[Example]]:
        size = max(1, _POOL_EXAMPLES * self._batch_tokens // _POOL_TOKENS)
        examples = [self._sampler.example(n) for n in range(pool * size, (pool + 1) * size)]
        return _cut(sorted(examples, key=lambda e: len(e.tokens)), self._batch_tokens)


def collated(examples: Sequence[Example], special: tuple[int, int]) -> Batch:
    """Padded with token 0; `special` are the numbers of the first and the last token."""
    return Batch(*map(torch.from_numpy, _arrays(examples, special)))


def _arrays(examples: Sequence[Example], special: tuple[int, int]) -> Arrays:
    shape = len(examples), max(len(example.tokens) for example in examples) + 2
    input_ids, attention_mask = np.zeros((2, *shape), dtype=np.int64)
    is_text, labels = np.zeros((2, *shape), dtype=np.float32)
    for row, example in enumerate(examples):
        end = len(example.tokens) + 1
        input_ids[row, 0], input_ids[row, end] = special
        input_ids[row, 1:end] = example.tokens
        attention_mask[row, : end + 1] = 1
        is_text[row, 1:end] = 1
        labels[row, 1:end] = example.labels
    is_pure = np.array([example.is_pure for example in examples], dtype=np.float32)
    return input_ids, attention_mask, is_text, labels, is_pure


def _cut(examples: Sequence[Example], batch_tokens: int) -> list[list[Example]]:
    batches: list[list[Example]] = [[]]
    for example in examples:
        if batches[-1] and (len(example.tokens) + 2) * (len(batches[-1]) + 1) > batch_tokens:
            batches.append([])
        batches[-1].append(example)
    return batches


def _as_it_is(batch: Any) -> Any:
    return batch
