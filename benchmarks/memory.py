"""What 1, 2 and 4 workers of a host cost in memory together: python -m benchmarks.memory

Each worker is a process that loads the model and scores full batches, as many at once as it has lanes.
`proportional` counts a page that several processes share in equal parts: the sum over the workers is what the
host really spends. "merged" is said where the kernel merges equal pages (`echo 1 > /sys/kernel/mm/ksm/run`):
after it has gone through those of the workers, and each has scored once more.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.places import DOCS, MODELS, REFERENCE_MODEL, ROOT, SHIPPED_MODEL, python_path, say

WORKERS = (1, 2, 4)
MOMENTS = ("imported", "loaded", "scored")
MERGED = "merged"
_SCANS = 3
_FIELDS = ("Rss", "Pss", "Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty")

Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Way:
    """How a worker runs a model. With lanes several of its threads do at once, as in a warm worker."""

    backend: str
    precision: str
    has_lanes: bool = False

    @property
    def name(self) -> str:
        return f"{self.backend} {self.precision}" + ", lanes" * self.has_lanes


WAYS = (
    Way("openvino", "bf16", has_lanes=True),
    Way("openvino", "bf16"),
    Way("openvino", "int8"),
    Way("openvino", "f32"),
    Way("torch", "f32"),
)


def measure(folder: Path, way: Way, workers: int) -> Content:
    """Totals over the workers in MiB, at each of `MOMENTS`; every worker is alive at each of them."""
    command = [sys.executable, "-m", "benchmarks.memory", "--worker", str(folder), way.name]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env={"PYTHONPATH": python_path(), "ZHENWEN_CACHE_DIR": str(MODELS / "converted")},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
            for _ in range(workers)
        ]
        moments = {}
        for moment in MOMENTS:
            _ask_all(processes, moment)  # first all of them get there, then all of them count
            moments[moment] = _count(processes)
        if json.loads(_ask_all(processes, "merges")[0]):
            _wait_for_merging()
            _ask_all(processes, "scored")
            moments[MERGED] = _count(processes)
    return {"way": way.name, "workers": workers, **moments}


def _count(processes: Sequence[subprocess.Popen[str]]) -> dict[str, float]:
    reports = [json.loads(line) for line in _ask_all(processes, "count")]
    return {name: sum(report[name] for report in reports) for name in reports[0]}


def _wait_for_merging() -> None:
    """Until the kernel has gone through all that is offered: what a second look finds unchanged is merged."""
    last = _full_scans() + _SCANS
    while _full_scans() < last:
        time.sleep(1)


def _full_scans() -> int:
    return int(Path("/sys/kernel/mm/ksm/full_scans").read_text("ascii"))


def _ask_all(processes: Sequence[subprocess.Popen[str]], question: str) -> list[str]:
    for process in processes:
        assert process.stdin
        process.stdin.write(f"{question}\n")
        process.stdin.flush()
    answers = [process.stdout.readline() for process in processes if process.stdout]
    if not all(answers):
        raise RuntimeError(f"a worker died when asked to be {question}")
    return answers


def work(folder: Path, way: Way) -> None:
    """A worker: does what each line of standard input says, and answers with a line."""
    from detection.engine import load_model_folder
    from detection.engine.batches import BATCH_TOKENS
    from detection.engine.merging import merging_runs
    from detection.scoring.types import SegmentInput

    import_module(f"detection.engine.{way.backend}_backend")
    scorer = None
    for line in sys.stdin:
        answer: object = "done"
        match line.strip():
            case "loaded":
                scorer = load_model_folder(
                    folder, backend=way.backend, precision=way.precision, is_shared=way.has_lanes
                )
            case "scored" if scorer:
                batch = [SegmentInput("的" * 510, (510,))] * (BATCH_TOKENS // 512)
                with ThreadPoolExecutor(scorer.backend.lanes) as threads:
                    list(threads.map(scorer.score, [batch] * (4 * scorer.backend.lanes)))
            case "merges":
                answer = way.backend == "openvino" and merging_runs()  # the others offer nothing
            case "count":
                answer = memory_mib()
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def memory_mib() -> dict[str, float]:
    """Of this process: resident, proportional, shared and private."""
    kib = dict.fromkeys(_FIELDS, 0)
    for line in Path("/proc/self/smaps_rollup").read_text("ascii").splitlines()[1:]:
        name, _, value = line.partition(":")
        if name in kib:
            kib[name] = int(value.split()[0])
    mib = {name: value / 1024 for name, value in kib.items()}
    return {
        "resident": round(mib["Rss"], 1),
        "proportional": round(mib["Pss"], 1),
        "shared": round(mib["Shared_Clean"] + mib["Shared_Dirty"], 1),
        "private": round(mib["Private_Clean"] + mib["Private_Dirty"], 1),
    }


def page(rows: Sequence[Content]) -> str:
    """Markdown."""
    lines = [
        "# Memory of the workers of a host",
        "",
        "Made by `python -m benchmarks.memory`. MiB of all workers together; a page that several share "
        "counts once. Each has loaded the model and scored batches. Resident counts what is shared in each.",
        "",
        "| model | runs on | workers | libraries alone | model loaded | after a batch | of it shared "
        "| resident | kernel merges |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        proportional = [f"{row[moment]['proportional']:.0f}" for moment in MOMENTS]
        scored = row["scored"]
        once = scored["proportional"] - scored["private"]
        cells = [row["model"], row["way"], row["workers"], *proportional]
        merged = f"{row[MERGED]['proportional']:.0f}" if MERGED in row else ""
        cells += [f"{once:.0f}", f"{scored['resident']:.0f}", merged]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    lines += [
        "",
        "OpenVINO maps the file of the weights into memory, but packs them for the processor into memory of "
        "its own when a process first uses them: each further worker costs the weights again. No setting "
        "shares that copy: `ENABLE_MMAP` and a cache of compiled models (`CACHE_DIR`, whatever its mode) map "
        "the weights as a file holds them, of which each process again packs its own. "
        "A model with lanes, as warm workers have it, holds two such copies, for a pass that has all cores "
        "and for passes that have one each; `ZHENWEN_ENGINE_THREADS=1` makes it one. "
        "Torch shares the weights where the file holds them in the precision it runs in, and only there.",
        "",
        "The kernel can share what no library does: all these copies are the same bytes, and workers with "
        "OpenVINO offer theirs for merging (`detection/engine/merging.py`). Where the operator lets Linux "
        "merge (`echo 1 > /sys/kernel/mm/ksm/run`, off as it comes), the last column holds after the kernel "
        "has gone through them twice, at 20 MiB a second as it comes, at 1,000 with "
        "`echo 5000 > /sys/kernel/mm/ksm/pages_to_scan`. Packed weights become one copy; what a worker "
        "computes with stays its own. Elsewhere a host runs one warm worker for papers and one for calls, "
        "with threads that share its model, and not one process for each core.",
        "",
        "The columns before the last are of a run without merging, the last of a second run with it.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--models", type=Path, nargs="+", default=[SHIPPED_MODEL, REFERENCE_MODEL])
    parser.add_argument("--docs", type=Path, default=DOCS, help="where memory.md and memory.json go")
    arguments = parser.parse_args()
    if arguments.worker:
        folder, name = arguments.worker
        work(Path(folder), next(way for way in WAYS if way.name == name))
        return
    arguments.docs.mkdir(parents=True, exist_ok=True)
    rows: list[Content] = []
    for folder in arguments.models:
        if folder == REFERENCE_MODEL:
            from benchmarks.reference_model import reference_model

            reference_model(folder)
        for way in WAYS:
            if way.precision == "int8" and not (folder / "openvino_model_int8.xml").exists():
                continue
            measure(folder, way, 1)  # whatever has to be converted is converted now
            for workers in WORKERS:
                say(f"{folder.name}, {way.name}, {workers} workers")
                rows.append({"model": folder.name, **measure(folder, way, workers)})
                _write(rows, arguments.docs)
    sys.stdout.write(page(rows))


def _write(rows: Sequence[Content], docs: Path) -> None:
    (docs / "memory.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    (docs / "memory.md").write_text(page(rows), "utf-8")


if __name__ == "__main__":
    main()
