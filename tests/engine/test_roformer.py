"""RoFormer's attention written anew, against transformers' own."""

from __future__ import annotations

import copy
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from transformers import RoFormerConfig, RoFormerForTokenClassification

from detection.engine.roformer import fuse_attention

CONFIG = RoFormerConfig(
    vocab_size=60,
    embedding_size=16,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=32,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)


@pytest.fixture
def models() -> tuple[Any, Any]:
    torch.manual_seed(5)
    original: Any = RoFormerForTokenClassification(CONFIG)
    original.eval()
    fused = copy.deepcopy(original)
    fuse_attention(fused)
    return original, fused


@pytest.fixture
def batch() -> dict[str, Any]:
    mask = torch.ones(2, 12, dtype=torch.long)
    mask[1, 7:] = 0
    return {"input_ids": torch.randint(5, 60, (2, 12)), "attention_mask": mask}


def test_serving_gives_the_same_numbers(models: tuple[Any, Any], batch: dict[str, Any]) -> None:
    original, fused = models
    with torch.inference_mode():
        wanted, found = (model(**batch).logits[batch["attention_mask"] == 1] for model in (original, fused))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_training_gives_the_same_numbers_and_gradients(
    models: tuple[Any, Any], batch: dict[str, Any]
) -> None:
    logits = []
    for model in models:
        logits.append(model(**batch).logits[batch["attention_mask"] == 1])
        logits[-1].square().sum().backward()
    original, fused = models
    torch.testing.assert_close(logits[1], logits[0], atol=1e-5, rtol=0)
    wanted = {name: parameter.grad for name, parameter in original.named_parameters()}
    found = {name: parameter.grad for name, parameter in fused.named_parameters()}
    for part in ("query", "key", "value"):
        name = f"roformer.encoder.layer.0.attention.self.{part}.weight"
        assert wanted[name].abs().max() > 0
        torch.testing.assert_close(found[name], wanted[name], atol=1e-5, rtol=0)
