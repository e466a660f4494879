"""Examples as tensors, like lengths together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from detection.training.sampling import Example, Sampler

POOL_EXAMPLES = 600  # sorted by length before they are cut into batches


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


def batches_from(
    sampler: Sampler, batch_tokens: int, pool: int, batch: int
) -> Iterator[tuple[int, int, list[Example]]]:
    """(pool, number in it, examples) without end, from the given place on; like lengths share a batch."""
    while True:
        numbers = range(pool * POOL_EXAMPLES, (pool + 1) * POOL_EXAMPLES)
        examples = sorted((sampler.example(n) for n in numbers), key=lambda e: len(e.tokens))
        batches = _cut(examples, batch_tokens)
        order = np.random.default_rng([sampler.seed, pool]).permutation(len(batches))
        for number in range(batch, len(batches)):
            yield pool, number, batches[order[number]]
        pool, batch = pool + 1, 0


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
