"""A trained model that reads batches, to mine with or to teach another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from detection.engine.processor import has_fast_bfloat16
from detection.engine.roformer import fuse_attention
from detection.training.batches import Batch


def training_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def fast_type(device: str) -> torch.dtype:
    """What training and reading on this device compute in: bfloat16 where it is fast."""
    is_fast = (
        torch.cuda.is_bf16_supported(including_emulation=False) if device == "cuda" else has_fast_bfloat16()
    )
    return torch.bfloat16 if is_fast else torch.float32


def load_reader(folder: Path, device: str) -> Any:
    """A token classifier in evaluation mode that asks for no gradients."""
    from transformers import AutoModelForTokenClassification

    model: Any = AutoModelForTokenClassification.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32
    )
    fuse_attention(model)
    model.requires_grad_(requires_grad=False)
    return model.to(device, fast_type(device)).eval()


def token_odds(model: Any, batch: Batch) -> torch.Tensor:
    """(examples, tokens) log-odds of AI, in single precision."""
    logits = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits.float()
    odds: torch.Tensor = logits[..., 1] - logits[..., 0]
    return odds


def mean_of_text(values: torch.Tensor, batch: Batch) -> torch.Tensor:
    """(examples, tokens) -> (examples,): without padding and special tokens."""
    return (values * batch.is_text).sum(1) / batch.is_text.sum(1)
