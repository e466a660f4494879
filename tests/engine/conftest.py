"""Tiny models with random weights, made on the spot: every shape the engine must take, nothing downloaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CHARACTERS = (
    "中文的人一是不了在有和这为上个我以要他时来用们生到作地于"
    "出就分对成会可主发年动同工也能下过子说产种面而方后多"
)
SHAPES = ("roformer_tokens", "bert_sequence")


def write_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *CHARACTERS,
        *"，。！？；：（）abcdefghij0123456789",
        *["##a", "##b", "##c"],
    ]
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys(words))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))


def write_model(folder: Path, shape: str) -> None:
    import torch
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        RoFormerConfig,
        RoFormerForTokenClassification,
    )

    torch.manual_seed(5)
    small: dict[str, Any] = {
        "vocab_size": 120,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 512,
        "initializer_range": 0.3,
        "id2label": {0: "human", 1: "ai"},
        "label2id": {"human": 0, "ai": 1},
    }
    if shape == "roformer_tokens":
        model: Any = RoFormerForTokenClassification(RoFormerConfig(embedding_size=32, **small))
    else:
        model = BertForSequenceClassification(BertConfig(**small))
    folder.mkdir(parents=True)
    model.save_pretrained(folder)
    write_tokenizer(folder)


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A fresh model folder of a shape each time; the weights are the same every time."""
    pytest.importorskip("torch")
    originals: dict[str, Path] = {}

    def make(shape: str) -> Path:
        if shape not in originals:
            originals[shape] = tmp_path_factory.mktemp("models") / shape
            write_model(originals[shape], shape)
        folder = tmp_path_factory.mktemp("model")
        for file in originals[shape].iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        return folder

    return make


@pytest.fixture(scope="session")
def folders(make_folder: Callable[[str], Path]) -> dict[str, Path]:
    return {shape: make_folder(shape) for shape in SHAPES}


@pytest.fixture(autouse=True)
def engine_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("ZHENWEN_ENGINE_THREADS", "1")  # threads that wait for each other are slow when shared
    monkeypatch.setenv("ZHENWEN_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "converted"))
    for chosen in ("ZHENWEN_BACKEND", "ZHENWEN_PRECISION", "ZHENWEN_TORCH_COMPILE", "ZHENWEN_MODEL_DIR"):
        monkeypatch.delenv(chosen, raising=False)


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
