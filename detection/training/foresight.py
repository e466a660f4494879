"""The second task of training: to foresee what a language model would make of a text."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from detection.training.batches import collated
from detection.training.curvature import MeasuredCrop
from detection.training.sampling import Example


class Foresight:
    """Foretelling the curvature of every token, and so of the crop, from the text alone.

    Both errors are divided by what foreseeing nothing would make of them.
    """

    def __init__(self, crops: Sequence[MeasuredCrop], special: tuple[int, int], batch_tokens: int) -> None:
        self._crops = crops
        self._special = special
        self._batch_tokens = batch_tokens
        self._token_variance = float(np.var(np.concatenate([c.curvatures for c in crops])))
        self._crop_variance = float(np.var([c.curvatures.mean() for c in crops]))

    def loss(self, model: Any, rng: random.Random) -> torch.Tensor:
        """Of crops drawn by `rng`, as `model` and its head named `curvature` foresee them."""
        batch = collated(self._drawn(rng), self._special).to(model.device)
        encoded = model.base_model(input_ids=batch.input_ids, attention_mask=batch.attention_mask)
        foreseen = model.curvature(encoded.last_hidden_state)[..., 0].float()
        errors = (foreseen - batch.labels) * batch.is_text
        counts = batch.is_text.sum(1)
        of_tokens = (errors.square().sum(1) / counts).mean()
        of_crops = (errors.sum(1) / counts).square().mean()
        loss: torch.Tensor = of_tokens / self._token_variance + of_crops / self._crop_variance
        return loss

    def _drawn(self, rng: random.Random) -> list[Example]:
        drawn: list[Example] = []
        longest = 0
        while True:
            crop = rng.choice(self._crops)
            longest = max(longest, len(crop.tokens) + 2)
            if drawn and longest * (len(drawn) + 1) > self._batch_tokens:
                return drawn
            drawn.append(Example(crop.tokens, crop.curvatures, is_pure=True))


def add_head(model: Any) -> None:
    """Give the classifier a second head, which foresees nothing yet."""
    model.curvature = torch.nn.Linear(model.config.hidden_size, 1)
    torch.nn.init.zeros_(model.curvature.weight)
    torch.nn.init.zeros_(model.curvature.bias)


def folded(state: Mapping[str, torch.Tensor], share: float) -> dict[str, torch.Tensor]:
    """The weights without the second head; `share` of what it foresees is added to each token's log-odds.

    Both are linear in the same hidden state: their sum is a head like the first, and costs nothing more.
    """
    rest = {name: value for name, value in state.items() if not name.startswith("curvature.")}
    if len(rest) < len(state):
        for part in ("weight", "bias"):
            added = torch.zeros_like(rest[f"classifier.{part}"])
            added[1] = share * state[f"curvature.{part}"][0]
            rest[f"classifier.{part}"] = rest[f"classifier.{part}"] + added
    return rest
