"""What a language model makes of training texts, for our model to learn to foresee.

A language model expects some word at every place. The curvature of a token is how much likelier the word
that stands there is than what the model expected on average, in standard deviations of the passage: text by
language models goes along with expectations, text by people strays from them. The mean over a passage is, but
for a factor of the square root of its length, the measure of Fast-DetectGPT (Bao et al., 2024).
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from tqdm import tqdm

from detection.training.augmentation import Marks, token_number
from detection.training.configuration import CurvaturePlan
from detection.training.corpora import Tokens, TrainingText, trainable_texts
from detection.training.sampling import crop_start, origins
from detection.training.texts import read_texts

CURVATURES_FILE = "curvatures.jsonl"
_POOL_PASSAGES = 128  # like lengths of a pool share a batch

Curvatures = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MeasuredCrop:
    """`curvatures`: one for each of `tokens`."""

    tokens: Tokens
    curvatures: Curvatures


@dataclass(frozen=True, slots=True)
class _Passage:
    """`ends`: of each token of our vocabulary in `ids`, in characters of `content`."""

    content: str
    ids: list[int]
    ends: list[int]


def measure_curvatures(
    *,
    reader: Path,
    tokenizer: Path,
    data: Path,
    texts: Sequence[TrainingText],
    target: Path,
    plan: CurvaturePlan,
) -> None:
    """Let the language model in `reader` read a crop of some texts of each source and generator.

    Adds to `CURVATURES_FILE` in `target`, and goes on where it ended.
    """
    path = target / CURVATURES_FILE
    done = len(path.read_text("utf-8").splitlines()) if path.exists() else 0
    passages = _passages(Tokenizer.from_file(str(tokenizer)), data, texts, plan)
    model = _Reader(reader)
    with (
        path.open("a", encoding="utf-8") as file,
        tqdm(total=len(passages), unit="crops", desc="read") as bar,
    ):
        bar.update(done)
        for batch in _batches(passages[done:], plan.batch_texts):
            for passage, curvatures in zip(batch, model.curvatures([p.content for p in batch]), strict=True):
                found = curvatures[[max(0, end - 1) for end in passage.ends]]
                row = {"tokens": passage.ids, "curvatures": [round(float(c), 2) for c in found]}
                file.write(json.dumps(row) + "\n")
            file.flush()
            bar.update(len(batch))


def read_curvatures(folder: Path) -> list[MeasuredCrop]:
    """Nothing where no language model has read."""
    path = folder / CURVATURES_FILE
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [
        MeasuredCrop(np.array(row["tokens"], dtype=np.int32), np.array(row["curvatures"], dtype=np.float32))
        for row in rows
    ]


class _Reader:
    """A causal language model in a folder of transformers."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForCausalLM

        model: Any = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.bfloat16)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = model.to(self._device).eval()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._first = token_number(self._tokenizer, "<|endoftext|>")

    def curvatures(self, contents: Sequence[str]) -> list[Curvatures]:
        """Of each content one number per character, that of the token which it is part of."""
        encodings = self._tokenizer.encode_batch(list(contents), add_special_tokens=False)
        length = max(len(e.ids) for e in encodings) + 1
        ids = torch.full((len(contents), length), self._first)
        for row, encoding in enumerate(encodings):
            ids[row, 1 : len(encoding.ids) + 1] = torch.tensor(encoding.ids)
        with torch.inference_mode():
            # Padding stands behind the text, where a causal model does not look.
            hidden = self._model.model(input_ids=ids.to(self._device)).last_hidden_state
            return [
                _by_character(content, encoding.offsets, self._of_tokens(states, encoding.ids))
                for content, encoding, states in zip(contents, encodings, hidden, strict=True)
            ]

    def _of_tokens(self, states: torch.Tensor, ids: Sequence[int]) -> Curvatures:
        logits = self._model.lm_head(states[: len(ids)])
        # One token at a time: its 150,000 numbers stay in the processor's cache.
        moments = torch.stack([_moments(row.float(), token) for row, token in zip(logits, ids, strict=True)])
        surplus, variance = moments.unbind(1)
        curvatures: Curvatures = (surplus / variance.mean().clamp(min=1e-3).sqrt()).cpu().numpy()
        return curvatures


def _moments(logits: torch.Tensor, token: int) -> torch.Tensor:
    """Log-probability of the token less what was to be expected, and the variance of log-probabilities."""
    logits = logits - logits.amax()
    weights = logits.exp()
    total = weights.sum()
    mean = weights.dot(logits) / total
    square = weights.dot(logits.square()) / total
    return torch.stack([logits[token] - mean, square - mean.square()])


def _by_character(content: str, offsets: Sequence[tuple[int, int]], curvatures: Curvatures) -> Curvatures:
    found = np.zeros(len(content), dtype=np.float32)
    for (start, end), curvature in zip(offsets, curvatures, strict=True):
        found[start:end] = curvature
    return found


def _passages(
    tokenizer: Tokenizer, data: Path, texts: Sequence[TrainingText], plan: CurvaturePlan
) -> list[_Passage]:
    """Of each source and generator as many, in turns, so that any beginning of the list is balanced."""
    turns = {number: turn for group in origins(texts) for turn, number in enumerate(_some(group, plan))}
    marks = Marks.of(tokenizer)
    found = []
    for number, (_, content) in enumerate(trainable_texts(read_texts(data / "train.jsonl.xz"))):
        if number in turns:
            rng = random.Random(f"{plan.seed}/{number}")  # noqa: S311 - repeatable, no secret
            found.append((turns[number], number, _passage(tokenizer, content, marks, rng, plan)))
    passages = [passage for _, _, passage in sorted(found, key=lambda row: row[:2])]
    pools = (passages[first : first + _POOL_PASSAGES] for first in range(0, len(passages), _POOL_PASSAGES))
    return [passage for pool in pools for passage in sorted(pool, key=lambda p: len(p.ids))]


def _some(group: Sequence[int], plan: CurvaturePlan) -> list[int]:
    rng = random.Random(f"{plan.seed}/{group[0]}")  # noqa: S311 - repeatable, no secret
    return rng.sample(group, min(len(group), plan.texts_per_origin))


def _passage(
    tokenizer: Tokenizer, content: str, marks: Marks, rng: random.Random, plan: CurvaturePlan
) -> _Passage:
    encoding = tokenizer.encode(content, add_special_tokens=False)
    length = rng.randint(plan.least_tokens, plan.most_tokens)
    first = crop_start(np.array(encoding.ids), length, marks, rng)
    ids, offsets = encoding.ids[first : first + length], encoding.offsets[first : first + length]
    start, end = offsets[0][0], offsets[-1][1]
    return _Passage(content[start:end], ids, [stop - start for _, stop in offsets])


def _batches(passages: Sequence[_Passage], size: int) -> Iterator[list[_Passage]]:
    rest = iter(passages)
    while batch := list(islice(rest, size)):
        yield batch
