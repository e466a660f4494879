"""The training texts as token numbers: normalised as in serving, without duplicates and what is held out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer
from tqdm import tqdm

from detection.scoring.normalise import normalise
from detection.training.replacing import replaced
from detection.training.texts import AI, HUMAN, TRAINING_FILE, CorpusText, is_held_out, read_texts

LEAST_CHARACTERS = 50
TOKENS_FILE = "tokens.npy"
TEXTS_FILE = "texts.jsonl"
_CHUNK = 2000

Tokens = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class TrainingText:
    """`tokens` without the special ones. `pair` is empty where the text has no title or document."""

    label: str
    source: str
    generator: str
    domain: str
    pair: str
    tokens: Tokens


def prepare_corpora(
    *, data: Path, tokenizer: Path, target: Path, packages: Path | None = None, written: Path | None = None
) -> int:
    """Tokenise the training file of the folder `data` into `target`; returns how many texts are left.

    `packages`: texts of packages (`packages.collect`), read after it where this file exists. `written`:
    texts that a model wrote for this product, read last.

    Texts that a model refined are left out: there are 909, by undisclosed models and one old one, and
    neither label is true of them.
    """
    encoder = Tokenizer.from_file(str(tokenizer))
    target.mkdir(parents=True, exist_ok=True)
    files = [data / TRAINING_FILE, *([packages] if packages and packages.exists() else [])]
    files += [written] if written else []
    texts = _trainable(chain.from_iterable(map(read_texts, files)))
    tokens: list[Tokens] = []
    with (
        replaced(target / TEXTS_FILE) as texts_path,
        replaced(target / TOKENS_FILE) as tokens_path,
        texts_path.open("w", encoding="utf-8") as file,
        tqdm(unit="texts", desc="corpora") as bar,
    ):
        while chunk := list(islice(texts, _CHUNK)):
            encodings = encoder.encode_batch([content for _, content in chunk], add_special_tokens=False)
            for (text, _), encoding in zip(chunk, encodings, strict=True):
                tokens.append(np.array(encoding.ids, dtype=np.int32))
                about = {name: value for name, value in asdict(text).items() if name != "text"}
                file.write(json.dumps({**about, "tokens": len(encoding.ids)}, ensure_ascii=False) + "\n")
            bar.update(len(chunk))
        with tokens_path.open("wb") as numbers:  # by a name it would end in .npy
            np.save(numbers, np.concatenate(tokens))
    return len(tokens)


def read_corpora(folder: Path) -> list[TrainingText]:
    tokens = np.load(folder / TOKENS_FILE, mmap_mode="r")
    texts = []
    start = 0
    with (folder / TEXTS_FILE).open(encoding="utf-8") as lines:
        for line in lines:
            about = json.loads(line)
            end = start + about.pop("tokens")
            texts.append(TrainingText(**about, tokens=tokens[start:end]))
            start = end
    return texts


def _trainable(texts: Iterable[CorpusText]) -> Iterator[tuple[CorpusText, str]]:
    """Each text once, with its normalised form."""
    seen: set[bytes] = set()
    for text in texts:
        content = normalise(text.text).text
        digest = hashlib.sha256(content.encode()).digest()
        if text.label not in (HUMAN, AI) or len(content) < LEAST_CHARACTERS or digest in seen:
            continue
        seen.add(digest)
        if not is_held_out(text.label, text.pair, text.text):
            yield text, content
