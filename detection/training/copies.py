"""Texts that are not what their place says, told by what they have in common with others.

`python -m detection.training copies` lists in `copies.jsonl` AI texts that a person wrote: a model recited
them, neither label is true of them, and no command reads them (`texts.read_texts`). In `overlaps.jsonl` it
lists texts of the development files that training reads elsewhere, and those to measure on that calibrate
elsewhere: they neither calibrate nor measure (`texts.development_texts`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from detection.scoring.characters import IDEOGRAPHS
from detection.training.texts import (
    AI,
    DEVELOPMENT,
    HUMAN,
    CorpusText,
    calibrates,
    is_held_out,
    read_all_texts,
    read_texts,
)

RUN = 16  # ideographs in a row; fewer can be a common phrase
LEAST_SHARE = 0.5  # of a text, in the other ones
_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")


def list_copies(*, files: Sequence[Path], target: Path) -> int:
    """Write the AI texts of these corpora that stand for more than half in their human texts; how many.

    A line of `target` tells a text by its digest, and holds nothing of it.
    """
    wanted = {run for text in _labelled(files, AI) for run in _runs(text, RUN)}
    found = _found(wanted, _labelled(files, HUMAN))
    copies = _shared(_labelled(files, AI), found)
    return _write([(text.digest, text, share) for text, share in copies], target)


def list_overlaps(*, data: Path, trained: Sequence[Path], target: Path) -> int:
    """Write the development texts of the folder `data` that stand for more than half in those that training
    reads, and of those that measure also what stands in those that calibrate; how many.

    `trained`: corpora, of which training does not read what is held out.
    """
    calibrating: list[CorpusText] = []
    measuring: list[CorpusText] = []
    for name in DEVELOPMENT:
        for text in read_texts(data / f"{name}.jsonl.xz"):
            if text.label in (HUMAN, AI):
                (calibrating if calibrates(name, text) else measuring).append(text)
    texts = [*calibrating, *measuring]
    wanted = {run for text in texts for run in _runs(text, RUN)}
    trained_texts = (
        text
        for path in trained
        for text in tqdm(read_texts(path), unit="texts", desc=path.name)
        if text.label in (HUMAN, AI) and not is_held_out(text.label, text.pair, text.text)
    )
    in_training = _found(wanted, trained_texts)
    in_either = in_training | _found(wanted, calibrating)
    found = [*_shared(calibrating, in_training), *_shared(measuring, in_either)]
    return _write([(text.place_digest, text, share) for text, share in found], target)


def _found(wanted: set[str], texts: Iterable[CorpusText]) -> set[str]:
    return {run for text in texts for run in _runs(text, 1) if run in wanted}


def _shared(texts: Iterable[CorpusText], found: set[str]) -> Iterator[tuple[CorpusText, float]]:
    for text in texts:
        runs = _runs(text, RUN)
        share = sum(run in found for run in runs) / max(1, len(runs))
        if share > LEAST_SHARE:
            yield text, share


def _write(listed: Sequence[tuple[str, CorpusText, float]], target: Path) -> int:
    rows = [
        {
            "digest": digest,
            "source": text.source,
            "generator": text.generator,
            "domain": text.domain,
            "share": round(share, 2),
        }
        for digest, text, share in listed
    ]
    target.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), "utf-8")
    return len(rows)


def _labelled(files: Sequence[Path], label: str) -> Iterator[CorpusText]:
    for path in files:
        for text in tqdm(read_all_texts(path), unit="texts", desc=f"{path.name}, {label}"):
            if text.label == label:
                yield text


def _runs(text: CorpusText, step: int) -> list[str]:
    """Runs of `RUN` ideographs, each so many after the one before."""
    content = "".join(_IDEOGRAPH.findall(text.text))
    return [content[start : start + RUN] for start in range(0, len(content) - RUN + 1, step)]
