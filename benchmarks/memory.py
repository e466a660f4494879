"""What 1, 2 and 4 workers of a host cost in memory together: python -m benchmarks.memory

Each worker is a process that loads the model and scores one full batch. `proportional` counts a page that
several processes share in equal parts: the sum over the workers is what the host really spends.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.places import DOCS, MODELS, REFERENCE_MODEL, ROOT, SHIPPED_MODEL, python_path, say

WORKERS = (1, 2, 4)
WAYS = (("openvino", "bf16"), ("openvino", "int8"), ("openvino", "f32"), ("torch", "f32"))
MOMENTS = ("imported", "loaded", "scored")
_FIELDS = ("Rss", "Pss", "Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty")

Content = dict[str, Any]


def measure(folder: Path, backend: str, precision: str, workers: int) -> Content:
    """Totals over the workers in MiB, at each of `MOMENTS`; every worker is alive at each of them."""
    command = [sys.executable, "-m", "benchmarks.memory", "--worker", str(folder), backend, precision]
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
            reports = [json.loads(line) for line in _ask_all(processes, "count")]
            moments[moment] = {name: sum(report[name] for report in reports) for name in reports[0]}
    return {"backend": backend, "precision": precision, "workers": workers, **moments}


def _ask_all(processes: Sequence[subprocess.Popen[str]], question: str) -> list[str]:
    for process in processes:
        assert process.stdin
        process.stdin.write(f"{question}\n")
        process.stdin.flush()
    answers = [process.stdout.readline() for process in processes if process.stdout]
    if not all(answers):
        raise RuntimeError(f"a worker died when asked to be {question}")
    return answers


def work(folder: Path, backend: str, precision: str) -> None:
    """A worker: does what each line of standard input says, and answers with a line."""
    from detection.engine import load_model_folder
    from detection.engine.batches import BATCH_TOKENS
    from detection.scoring.types import SegmentInput

    import_module(f"detection.engine.{backend}_backend")
    scorer = None
    for line in sys.stdin:
        answer: object = "done"
        match line.strip():
            case "loaded":
                scorer = load_model_folder(folder, backend=backend, precision=precision)
            case "scored" if scorer:
                segment = SegmentInput("的" * 510, (510,))
                scorer.score([segment] * (BATCH_TOKENS // 512))
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
        "counts once. Each has loaded the model and scored a batch. Resident counts what is shared in each.",
        "",
        "| model | runs on | workers | libraries alone | model loaded | after a batch | of it shared "
        "| resident |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        proportional = [f"{row[moment]['proportional']:.0f}" for moment in MOMENTS]
        scored = row["scored"]
        once = scored["proportional"] - scored["private"]
        cells = [row["model"], f"{row['backend']} {row['precision']}", row["workers"], *proportional]
        cells += [f"{once:.0f}", f"{scored['resident']:.0f}"]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    lines += [
        "",
        "OpenVINO maps the file of the weights into memory, but packs them for the processor into memory of "
        "its own when a process first uses them: each further worker costs the weights again. No setting "
        "shares that copy: `ENABLE_MMAP` and a cache of compiled models (`CACHE_DIR`, whatever its mode) map "
        "the weights as a file holds them, of which each process again packs its own. "
        "Torch shares the weights where the file holds them in the precision it runs in, and only there. "
        "Therefore a host runs one warm worker for papers and one for calls, with threads that share its "
        "model, and not one process for each core.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--models", type=Path, nargs="+", default=[SHIPPED_MODEL, REFERENCE_MODEL])
    parser.add_argument("--docs", type=Path, default=DOCS, help="where memory.md and memory.json go")
    arguments = parser.parse_args()
    if arguments.worker:
        folder, backend, precision = arguments.worker
        work(Path(folder), backend, precision)
        return
    arguments.docs.mkdir(parents=True, exist_ok=True)
    rows: list[Content] = []
    for folder in arguments.models:
        if folder == REFERENCE_MODEL:
            from benchmarks.reference_model import reference_model

            reference_model(folder)
        for backend, precision in WAYS:
            if precision == "int8" and not (folder / "openvino_model_int8.xml").exists():
                continue
            measure(folder, backend, precision, 1)  # whatever has to be converted is converted now
            for workers in WORKERS:
                say(f"{folder.name}, {backend} {precision}, {workers} workers")
                rows.append({"model": folder.name, **measure(folder, backend, precision, workers)})
                _write(rows, arguments.docs)
    sys.stdout.write(page(rows))


def _write(rows: Sequence[Content], docs: Path) -> None:
    (docs / "memory.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    (docs / "memory.md").write_text(page(rows), "utf-8")


if __name__ == "__main__":
    main()
