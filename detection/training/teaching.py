"""Models that teach another: what they make of a batch, which counts beside its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from detection.scoring.genre import Genre, genre_of
from detection.training.batches import Batch
from detection.training.errors import PipelineError
from detection.training.reading import load_reader, token_odds

_PART_OF_WORD = "##"


@dataclass(frozen=True, slots=True)
class Teachers:
    """`legal`: heard instead of `general` where an example is a legal text by its words, if there are any.

    What reads court cases well is a model that read many, and such a one is worse at all the rest.
    """

    general: Sequence[Any]
    legal: Sequence[Any]
    words: Sequence[str]  # of each token number; of special ones nothing

    def opinion(self, batch: Batch) -> torch.Tensor:
        """(examples, tokens): the mean log-odds of AI."""
        with torch.no_grad():
            opinion = _mean_odds(self.general, batch)
            if self.legal and (is_legal := self._is_legal(batch)).any():
                opinion[is_legal] = _mean_odds(self.legal, batch.rows(is_legal))
        return opinion

    def _is_legal(self, batch: Batch) -> torch.Tensor:
        texts = ("".join(self.words[token] for token in row) for row in batch.input_ids.tolist())
        legal = [genre_of(text) is Genre.LEGAL for text in texts]
        return torch.tensor(legal, device=batch.input_ids.device)


def load_teachers(
    general: Sequence[Path], legal: Sequence[Path], tokenizer: Tokenizer, device: str
) -> Teachers | None:
    """None where there is none. Raises PipelineError for one that reads by other words than `tokenizer`, and
    for teachers of legal texts alone.
    """
    if not general:
        if legal:
            raise PipelineError("a teacher of all that is no legal text is needed, too (--teacher)")
        return None
    words = [tokenizer.id_to_token(number) or "" for number in range(tokenizer.get_vocab_size())]
    plain = ["" if word.startswith("[") else word.removeprefix(_PART_OF_WORD) for word in words]
    return Teachers(
        general=[_teacher(folder, tokenizer, device) for folder in general],
        legal=[_teacher(folder, tokenizer, device) for folder in legal],
        words=plain,
    )


def _teacher(folder: Path, tokenizer: Tokenizer, device: str) -> Any:
    theirs = Tokenizer.from_file(str(folder / "tokenizer.json"))
    if theirs.get_vocab() != tokenizer.get_vocab():
        raise PipelineError(f"{folder} reads by other words than its pupil")
    return load_reader(folder, device)


def _mean_odds(teachers: Sequence[Any], batch: Batch) -> torch.Tensor:
    return torch.stack([token_odds(teacher, batch) for teacher in teachers]).mean(0)
