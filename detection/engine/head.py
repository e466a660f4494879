"""What comes out of a model, read from its config.json: which shape, and which label means AI."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from detection.engine.manifest import CONFIG_FILE, ModelFolderError

Floats = npt.NDArray[np.float32]

MAXIMUM_TOKENS = 512
_AI_LABELS = frozenset(
    {"ai", "aigc", "machine", "generated", "fake", "chatgpt", "gpt", "llm", "model", "label_1", "1"}
)


@dataclass(frozen=True, slots=True)
class Head:
    is_per_token: bool
    label_count: int
    ai_label: int
    pad_token_id: int
    maximum_tokens: int

    def ai_log_odds(self, logits: Floats) -> Floats:
        """Logits of shape (…, labels) -> log-odds of AI against everything else, of shape (…)."""
        if self.label_count == 1:
            return logits[..., 0]
        others = np.delete(logits, self.ai_label, axis=-1)
        highest = others.max(axis=-1)
        rest = highest + np.log(np.exp(others - highest[..., None]).sum(axis=-1))
        odds: Floats = logits[..., self.ai_label] - rest
        return odds


def read_head(folder: Path) -> Head:
    """Raises ModelFolderError for a model that is no classifier of tokens or texts."""
    path = folder / CONFIG_FILE
    try:
        config = json.loads(path.read_text("utf-8"))
        architecture = str((config.get("architectures") or [""])[0])
        labels = {int(key): str(label) for key, label in (config.get("id2label") or {0: "", 1: ""}).items()}
        pad_token_id = int(config.get("pad_token_id") or 0)
        positions = int(config.get("max_position_embeddings") or MAXIMUM_TOKENS)
    except (AttributeError, TypeError, ValueError) as error:
        raise ModelFolderError(f"{path}: not a model configuration ({error!r})") from error
    if not architecture.endswith(("ForTokenClassification", "ForSequenceClassification")):
        raise ModelFolderError(
            f"{path}: {architecture or 'no architecture'} is no classifier of tokens or texts"
        )
    return Head(
        is_per_token=architecture.endswith("ForTokenClassification"),
        label_count=len(labels),
        ai_label=_ai_label(labels),
        pad_token_id=pad_token_id,
        maximum_tokens=min(positions, MAXIMUM_TOKENS),
    )


def _ai_label(labels: dict[int, str]) -> int:
    named = [index for index, label in labels.items() if label.strip().lower() in _AI_LABELS]
    return named[0] if named else min(1, len(labels) - 1)
