"""From a segment's text to what a model reads: token ids, and where in the text each of them begins."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from detection.engine.batches import TokenIds
from detection.engine.manifest import TOKENIZER_FILE, ModelFolderError
from detection.scoring.characters import CodePoints, code_points, text_of

_NOT_ALONE = -1
_BETWEEN = "a{}a"


@dataclass(frozen=True, slots=True)
class Tokens:
    """`is_word`: which of `ids` stand for text and not for its ends; `starts`: where each of those begins."""

    ids: TokenIds
    is_word: npt.NDArray[np.bool_]
    starts: npt.NDArray[np.int64]


class Encoder(Protocol):
    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """One per text, in order, cut at the model's limit. Raises what `tokenizers` does of bad text."""
        ...


def load_encoder(folder: Path, maximum_tokens: int) -> Encoder:
    """The quickest that a folder's tokenizer allows; raises ModelFolderError."""
    try:
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    except Exception as error:  # the library raises nothing more special
        raise ModelFolderError(f"{folder / TOKENIZER_FILE}: not a tokenizer ({error})") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(maximum_tokens)
    if characters := characters_alone(tokenizer):
        return TableEncoder(tokenizer, characters, maximum_tokens)
    return LibraryEncoder(tokenizer)


class LibraryEncoder:
    """Any tokenizer, by the library."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        return [_tokens(encoding) for encoding in self._tokenizer.encode_batch(list(texts))]


class TableEncoder:
    """The same tokens sooner: `characters_alone` by a table, and by the library only what is between them."""

    def __init__(self, tokenizer: Tokenizer, characters: dict[str, int], maximum_tokens: int) -> None:
        self._tokenizer = tokenizer
        # The last place is for all code points above the highest in the table.
        self._table = np.full(max(map(ord, characters)) + 2, _NOT_ALONE, dtype=np.int64)
        self._table[[ord(character) for character in characters]] = list(characters.values())
        probe = _tokens(tokenizer.encode(next(iter(characters))))
        word = int(probe.is_word.argmax())
        self._before, self._after = probe.ids[:word], probe.ids[word + 1 :]
        self._most_words = maximum_tokens - len(probe.ids) + 1

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        return [self._encode(text) for text in texts]

    def _encode(self, text: str) -> Tokens:
        points = code_points(text)
        ids = self._table.take(points, mode="clip")
        is_rest = ids == _NOT_ALONE
        if is_rest.any():
            ids, starts = self._with_rest(points, ids, is_rest)
        else:
            starts = np.arange(len(ids))
        ids, starts = ids[: self._most_words], starts[: self._most_words]
        is_word = np.zeros(len(self._before) + len(ids) + len(self._after), dtype=np.bool_)
        is_word[len(self._before) : len(self._before) + len(ids)] = True
        return Tokens(np.concatenate([self._before, ids, self._after]), is_word, starts)

    def _with_rest(
        self, points: CodePoints, ids: TokenIds, is_rest: npt.NDArray[np.bool_]
    ) -> tuple[TokenIds, npt.NDArray[np.int64]]:
        """Ids and starts: what is not in the table goes through the library in one piece."""
        kept = is_rest.copy()
        kept[1:] |= is_rest[:-1]  # of what follows a stretch one character, as a space
        encoding = self._tokenizer.encode(
            text_of(np.where(is_rest, points, np.uint32(ord(" ")))[kept]), add_special_tokens=False
        )
        rest_starts = np.flatnonzero(kept)[[start for start, _ in encoding.offsets]]
        known = np.flatnonzero(~is_rest)
        # By stretch, not by start: within one, the library's order stands.
        places = np.searchsorted(known, rest_starts)
        return np.insert(ids[known], places, encoding.ids), np.insert(known, places, rest_starts)


def characters_alone(tokenizer: Tokenizer) -> dict[str, int]:
    """Characters that are one token whatever stands beside them, with its id; none if that cannot be told.

    BERT's rules split before and after each Chinese character and each punctuation mark, and change no
    character for the sake of its neighbours.
    """
    settings = json.loads(tokenizer.to_str())
    if not _is_bert(settings):
        return {}
    of_added = set("".join(added["content"] for added in settings["added_tokens"]))
    return {
        entry: number
        for entry, number in tokenizer.get_vocab(with_added_tokens=False).items()
        if len(entry) == 1 and entry not in of_added and _stands_alone(tokenizer, entry)
    }


def _is_bert(settings: dict[str, Any]) -> bool:
    kinds = [(settings[part] or {}).get("type") for part in ("normalizer", "pre_tokenizer", "model")]
    return (
        kinds == ["BertNormalizer", "BertPreTokenizer", "WordPiece"]
        and (settings["post_processor"] or {}).get("type") in ("BertProcessing", "TemplateProcessing")
        and not any(
            added["normalized"] or added["single_word"] or added["lstrip"] or added["rstrip"]
            for added in settings["added_tokens"]
        )
    )


def _stands_alone(tokenizer: Tokenizer, character: str) -> bool:
    words = tokenizer.pre_tokenizer.pre_tokenize_str(
        tokenizer.normalizer.normalize_str(_BETWEEN.format(character))
    )
    return [word for word, _ in words] == ["a", character, "a"]


def _tokens(encoding: Any) -> Tokens:
    is_word = np.array(encoding.special_tokens_mask) == 0
    starts = np.array([start for start, _ in encoding.offsets], dtype=np.int64)[is_word]
    return Tokens(np.array(encoding.ids, dtype=np.int64), is_word, starts)
