"""Which training texts a model errs on, so that these come more often in a training.

A human text counts with the probability that the model gives to AI. An AI text counts with what lacks, but at
most as much as one that could be either's: behind a hopeless one there may be a text that nobody could tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from tqdm import tqdm

from detection.training.augmentation import token_number
from detection.training.batches import collated
from detection.training.configuration import MiningPlan
from detection.training.corpora import TrainingText
from detection.training.reading import load_reader, mean_of_text, token_odds, training_device
from detection.training.sampling import Example, origins
from detection.training.texts import AI

DOUBTS_FILE = "doubts.npy"
_MOST_OF_AI = 0.5

Doubts = npt.NDArray[np.float32]


def mine(
    *, start: Path, tokenizer: Path, texts: Sequence[TrainingText], target: Path, plan: MiningPlan
) -> Doubts:
    """Let the model in `start` read the beginning of some texts of each source and generator.

    Returns (texts,), 0 to 1, and writes it into `target`; a text not read has the mean of its origin.
    """
    chosen = {number for group in origins(texts) for number in _some(group, plan)}
    marks = Tokenizer.from_file(str(tokenizer))
    special = (token_number(marks, "[CLS]"), token_number(marks, "[SEP]"))
    model = load_reader(start, training_device())
    doubts = np.full(len(texts), np.nan, dtype=np.float32)
    by_length = sorted(chosen, key=lambda number: len(texts[number].tokens))
    with tqdm(total=len(by_length), unit="texts", desc="mine") as bar, torch.inference_mode():
        for first in range(0, len(by_length), plan.batch_texts):
            numbers = by_length[first : first + plan.batch_texts]
            probabilities = _probabilities(model, [texts[n] for n in numbers], special, plan)
            for number, p_ai in zip(numbers, probabilities, strict=True):
                is_ai = texts[number].label == AI
                doubts[number] = min(1 - p_ai, _MOST_OF_AI) if is_ai else p_ai
            bar.update(len(numbers))
    for group in origins(texts):
        found = doubts[group]
        doubts[group] = np.where(np.isnan(found), np.nanmean(found), found)
    np.save(target / DOUBTS_FILE, doubts)
    return doubts


def read_doubts(folder: Path) -> Doubts | None:
    """None where nobody has looked."""
    path = folder / DOUBTS_FILE
    return np.load(path) if path.exists() else None


def _some(group: Sequence[int], plan: MiningPlan) -> list[int]:
    order = np.random.default_rng([plan.seed, group[0]]).permutation(len(group))
    return [group[i] for i in order[: plan.texts_per_origin]]


def _probabilities(
    model: Any, texts: Sequence[TrainingText], special: tuple[int, int], plan: MiningPlan
) -> list[float]:
    """Of AI, by the mean log-odds of the first tokens."""
    crops = [np.array(text.tokens[: plan.tokens]) for text in texts]
    examples = [Example(c, np.zeros(len(c), dtype=np.float32), is_pure=True) for c in crops]
    batch = collated(examples, special).to(model.device)
    odds = mean_of_text(token_odds(model, batch), batch)
    return [float(p) for p in torch.sigmoid(odds)]
