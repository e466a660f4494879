"""How fast each backend at hand runs a model, taking turns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from detection.engine import ModelFolderError, ModelScorer, load_model_folder
from detection.engine.backends import BF16, F16, F32, INT8, ONNXRUNTIME, OPENVINO, TENSORRT, TORCH
from detection.training.scores import prepared_texts

_CHOICES = (
    (OPENVINO, BF16), (OPENVINO, INT8), (OPENVINO, F32), (TORCH, BF16), (TORCH, F16), (TORCH, F32),
    (ONNXRUNTIME, F32), (TENSORRT, F16),
)  # fmt: skip
_ROUNDS = 3


def speeds(folder: Path, texts: Sequence[str]) -> list[dict[str, Any]]:
    """Characters a second from text to scores, the median of rounds; what is not at hand is left out."""
    segments = [segment for prepared in prepared_texts(texts) for segment in prepared.segments]
    characters = sum(len(segment.text) for segment in segments)
    scorers = [scorer for choice in _CHOICES if (scorer := _opened(folder, *choice))]
    seconds: dict[str, list[float]] = {str(scorer.backend): [] for scorer in scorers}
    for scorer in scorers:
        scorer.score(segments[:4])
    for _ in range(_ROUNDS):
        for scorer in scorers:
            started = time.perf_counter()
            scorer.score(segments)
            seconds[str(scorer.backend)].append(time.perf_counter() - started)
    return [
        {"backend": name, "characters_per_second": int(characters / median(rounds))}
        for name, rounds in seconds.items()
    ]


def _opened(folder: Path, backend: str, precision: str) -> ModelScorer | None:
    try:
        return load_model_folder(folder, backend=backend, precision=precision)
    except ModelFolderError:
        return None
