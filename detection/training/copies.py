"""AI texts that a person wrote: a model recited them, so that neither label is true of them.

`python -m detection.training copies` lists them in `copies.jsonl`; nothing is trained, calibrated or measured
on what stands there (`texts.read_texts`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from detection.scoring.characters import IDEOGRAPHS
from detection.training.texts import AI, HUMAN, CorpusText, read_all_texts

RUN = 16  # ideographs in a row; fewer can be a common phrase
LEAST_SHARE = 0.5  # of an AI text, in people's texts
_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")


def list_copies(*, files: Sequence[Path], target: Path) -> int:
    """Write the AI texts of these corpora that stand for more than half in their human texts; how many.

    A line of `target` tells a text by its digest, and holds nothing of it.
    """
    wanted = {run for text in _labelled(files, AI) for run in _runs(text, RUN)}
    found = {run for text in _labelled(files, HUMAN) for run in _runs(text, 1) if run in wanted}
    rows = []
    for text in _labelled(files, AI):
        runs = _runs(text, RUN)
        share = sum(run in found for run in runs) / max(1, len(runs))
        if share > LEAST_SHARE:
            about = {"source": text.source, "generator": text.generator, "domain": text.domain}
            rows.append({"digest": text.digest, **about, "share": round(share, 2)})
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
