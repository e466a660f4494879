"""The model and nothing else: the forward passes of some texts, in one process with all cores.

What the product is measured against. Everything the product does besides (HTTP, queues, database, tokenising,
cutting, deciding) is done beforehand and not timed: the windows are those that the product itself would
score, as token ids, in batches as the product's engine plans them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.places import ROOT, python_path


class BareFailed(RuntimeError):
    """The model did not load, or its process ended."""


@dataclass
class Bare:
    """A process that holds the model and answers one request after the other."""

    process: subprocess.Popen[str]
    backend: str

    def batched(self, texts: Sequence[str]) -> tuple[float, int]:
        """Seconds of all forward passes of the texts together, and how many windows that were."""
        answer = self._ask({"texts": list(texts), "together": True, "rest": 0.0})
        return float(sum(answer["seconds"])), int(answer["windows"])

    def one_by_one(self, texts: Sequence[str], *, rest_seconds: float = 0.0) -> list[float]:
        """Seconds of the forward passes of each text alone, `rest_seconds` after the pass before."""
        answer = self._ask({"texts": list(texts), "together": False, "rest": rest_seconds})
        return [float(seconds) for seconds in answer["seconds"]]

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise BareFailed("the process of the bare model ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def bare_model(folder: Path, *, cache: Path) -> Iterator[Bare]:
    """`cache` is where the site keeps models converted for this machine: both run the same one."""
    environment = {**os.environ, "PYTHONPATH": python_path(), "ZHENWEN_CACHE_DIR": str(cache)}
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    ) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            if not first:
                raise BareFailed(f"{folder}: the bare model did not load")
            yield Bare(process, json.loads(first)["backend"])
        finally:
            process.terminate()


def main(folder: Path) -> None:
    from detection.engine import load_model_folder
    from detection.engine.batches import planned_batches
    from detection.extraction import extract_text
    from detection.scoring.prepare import prepare

    scorer = load_model_folder(folder)
    backend = scorer._backend  # beneath everything that the product adds
    _reply({"backend": str(backend.info)})
    for line in sys.stdin:
        question = json.loads(line)
        segments = [list(prepare(extract_text(text)).segments) for text in question["texts"]]
        groups = [[one for of_text in segments for one in of_text]] if question["together"] else segments
        seconds = []
        for group in groups:
            encoded = scorer.encode(group)
            batches = []
            for padded, numbers in planned_batches([one.padded_length for one in encoded]):
                batch = scorer.new_batch(padded, capacity=len(numbers))
                for number in numbers:
                    batch.add(encoded[number].tokens.ids)
                batches.append(batch)
            shapes = {batch.input_ids.shape: batch for batch in batches}
            for batch in shapes.values():  # the first pass of a shape is slower
                backend.logits(batch.input_ids, batch.attention_mask)
            time.sleep(question["rest"])
            began = time.perf_counter()
            for batch in batches:
                backend.logits(batch.input_ids, batch.attention_mask)
            seconds.append(time.perf_counter() - began)
        _reply({"seconds": seconds, "windows": sum(len(of_text) for of_text in segments)})


def _reply(content: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
