"""What decides the outcome of a training, as a digest, so that none goes on from another one's checkpoint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from detection.engine.manifest import CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE
from detection.training.configuration import TrainingPlan
from detection.training.corpora import TrainingText

_INDIFFERENT = ("checkpoint_minutes",)


def training_recipe(
    *,
    plan: TrainingPlan,
    base: Path,
    texts: Sequence[TrainingText],
    doubts: npt.NDArray[np.float32] | None = None,
    teachers: Sequence[Path] = (),
    legal_teachers: Sequence[Path] = (),
) -> str:
    """Of what `train` is called with: no model is loaded. Takes a few seconds for the corpora."""
    return digest_of(
        {
            "plan": {name: value for name, value in asdict(plan).items() if name not in _INDIFFERENT},
            "base": [file_digest(base / name) for name in (CONFIG_FILE, WEIGHTS_FILE, TOKENIZER_FILE)],
            "texts": _texts_digest(texts),
            "doubts": None if doubts is None else hashlib.sha256(doubts.tobytes()).hexdigest(),
            "teachers": [file_digest(folder / WEIGHTS_FILE) for folder in teachers],
            "legal_teachers": [file_digest(folder / WEIGHTS_FILE) for folder in legal_teachers],
        }
    )


def digest_of(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _texts_digest(texts: Sequence[TrainingText]) -> str:
    digest = hashlib.sha256(f"{len(texts)}".encode())
    for text in texts:
        about = (text.label, text.source, text.generator, text.domain, text.pair, len(text.tokens))
        digest.update(repr(about).encode())
        digest.update(text.tokens.tobytes())
    return digest.hexdigest()
