"""Small damage done to three quarters of all crops, human and AI alike, so that no single mark decides."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from detection.training.corpora import Tokens
from detection.training.errors import PipelineError
from detection.training.rewording import Rewording, in_casual_words, reworded

Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Marks:
    """Token numbers that augmentation asks for."""

    sentence_ends: Numbers
    quotes: Numbers
    punctuation: Numbers
    comma: int
    mask: int
    rewording: Rewording

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Marks:
        def numbers(words: Iterable[str]) -> Numbers:
            return np.array([token_number(tokenizer, word) for word in words], dtype=np.int32)

        return cls(
            sentence_ends=numbers("。！？；"),
            quotes=numbers("\"'"),
            punctuation=numbers("，。、；：！？\"'"),
            comma=token_number(tokenizer, "，"),
            mask=token_number(tokenizer, "[MASK]"),
            rewording=Rewording.of(tokenizer),
        )


def token_number(tokenizer: Tokenizer, word: str) -> int:
    """Raises PipelineError for a word that the vocabulary lacks."""
    number = tokenizer.token_to_id(word)
    if number is None:
        raise PipelineError(f"the vocabulary lacks {word}")
    return int(number)


def jittered(tokens: Tokens, marks: Marks, rng: random.Random) -> Tokens:
    """The tokens, in about three of four cases with one kind of damage."""
    draw = rng.random()
    for share, damage in _DAMAGE:
        if draw < share:
            return damage(tokens, marks, np.random.default_rng(rng.getrandbits(32)))
        draw -= share
    return tokens


def _without_quotes(tokens: Tokens, marks: Marks, _noise: np.random.Generator) -> Tokens:
    kept: Tokens = tokens[~np.isin(tokens, marks.quotes)]
    return kept


def _fewer_commas(tokens: Tokens, marks: Marks, noise: np.random.Generator) -> Tokens:
    kept: Tokens = tokens[(tokens != marks.comma) | (noise.random(len(tokens)) < 0.5)]
    return kept


def _run_on(tokens: Tokens, marks: Marks, noise: np.random.Generator) -> Tokens:
    becomes_comma = np.isin(tokens, marks.sentence_ends) & (noise.random(len(tokens)) < 0.4)
    return np.where(becomes_comma, np.int32(marks.comma), tokens)


def _lost(tokens: Tokens, _marks: Marks, noise: np.random.Generator) -> Tokens:
    kept: Tokens = tokens[noise.random(len(tokens)) > 0.02]
    return kept


def _exchanged(tokens: Tokens, _marks: Marks, noise: np.random.Generator) -> Tokens:
    exchanged = tokens.copy()
    if len(tokens) > 1:
        for i in noise.integers(0, len(tokens) - 1, max(1, len(tokens) // 60)):
            exchanged[[i, i + 1]] = exchanged[[i + 1, i]]
    return exchanged


def _shuffled(tokens: Tokens, marks: Marks, noise: np.random.Generator) -> Tokens:
    sentences = np.split(tokens, np.flatnonzero(np.isin(tokens, marks.sentence_ends)) + 1)
    shuffled: Tokens = np.concatenate([sentences[i] for i in noise.permutation(len(sentences))])
    return shuffled


def _masked(tokens: Tokens, marks: Marks, noise: np.random.Generator) -> Tokens:
    return np.where(noise.random(len(tokens)) < 0.03, np.int32(marks.mask), tokens)


def _unpunctuated(tokens: Tokens, marks: Marks, _noise: np.random.Generator) -> Tokens:
    kept: Tokens = tokens[~np.isin(tokens, marks.punctuation)]
    return kept


def _reworded(tokens: Tokens, marks: Marks, noise: np.random.Generator) -> Tokens:
    return reworded(tokens, marks.rewording, noise)


def _casual(tokens: Tokens, marks: Marks, noise: np.random.Generator) -> Tokens:
    return in_casual_words(tokens, marks.rewording, noise)


_DAMAGE: tuple[tuple[float, Callable[[Tokens, Marks, np.random.Generator], Tokens]], ...] = (
    (0.05, _without_quotes),
    (0.05, _fewer_commas),
    (0.05, _run_on),
    (0.06, _lost),
    (0.05, _exchanged),
    (0.09, _shuffled),
    (0.05, _masked),
    (0.10, _unpunctuated),
    (0.14, _reworded),
    (0.10, _casual),
)
