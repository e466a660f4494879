"""Tiny corpora, a tiny tokenizer and a tiny encoder, made on the spot."""

from __future__ import annotations

import json
import lzma
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from detection.training.configuration import TrainingPlan, read_configuration
from detection.training.encoders.conversion import build_tokenizer

CHARACTERS = "天地人你我他山水火木金土日月星风雨云花鸟虫鱼春夏秋冬东西南北上下左右前后大小多少来去"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *CHARACTERS, *"，。、；：！？\"'《》"]


def tiny_plan(**changes: Any) -> TrainingPlan:
    small = {
        "seed": 42,
        "batch_tokens": 400,
        "token_budget": 20_000,
        "minutes": math.inf,
        "checkpoint_minutes": 10.0,
        "teacher_share": 0.0,
    }
    return replace(read_configuration().training, **{**small, **changes})


def made_text(seed: str, sentences: int = 12) -> str:
    rng = random.Random(seed)
    return "".join("".join(rng.choices(CHARACTERS, k=rng.randint(8, 24))) + "。" for _ in range(sentences))


def row(label: str, source: str, number: int, **changes: str) -> dict[str, str]:
    return {
        "text": made_text(f"{label}{source}{number}"),
        "label": label,
        "source": source,
        "generator": "" if label == "human" else "model",
        "domain": "weather",
        "pair": f"{source} {number}",
        **changes,
    }


def write_corpus(folder: Path, rows: Iterable[Mapping[str, str]], name: str = "train") -> None:
    with lzma.open(folder / f"{name}.jsonl.xz", "wt", encoding="utf-8") as file:
        for content in rows:
            file.write(json.dumps(content, ensure_ascii=False) + "\n")


def write_base(folder: Path, encoder: str = "roformer-small", words: Sequence[str] = WORDS) -> None:
    """A tiny model of the architecture of this encoder, and its tokenizer."""
    import torch
    from transformers import (
        BertConfig,
        BertForTokenClassification,
        RoFormerConfig,
        RoFormerForTokenClassification,
    )

    torch.manual_seed(3)
    small: dict[str, Any] = {
        "vocab_size": len(words),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 512,
    }
    if encoder == "bert-base":
        model: Any = BertForTokenClassification(BertConfig(**small))
    else:
        model = RoFormerForTokenClassification(RoFormerConfig(embedding_size=16, **small))
    model.save_pretrained(folder)
    build_tokenizer(words).save(str(folder / "tokenizer.json"))
