"""Where the time goes: samples of the processes at work, by the innermost function of ours on the stack."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks import load
from benchmarks.bench import Bench
from benchmarks.machine import cores
from benchmarks.places import RESULTS
from benchmarks.record import Outcome, Table

SAMPLES_A_SECOND = 100
ROWS = 8
OURS = ("detection/", "zhenwen/", "accounts/")
_FRAME = re.compile(r"^(?P<function>.+) \((?P<file>[^():]+?)(?::\d+)?\)$")


def bottleneck(bench: Bench) -> Outcome:
    """Papers in the documents worker, unseen calls in realtime worker and web, cached ones in the web."""
    sampler = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if sampler is None:
        return Outcome(not_measured="py-spy is not installed: pip install -r requirements/benchmarks.txt")
    seconds = bench.amount(8, 2)
    known = bench.known_texts(100)
    scenes: list[tuple[str, str, Callable[[], object]]] = [
        ("documents worker, papers waiting", "warm-documents", lambda: _papers(bench)),
        ("realtime worker, 64 clients, uncached", "warm-realtime", lambda: _calls(bench, seconds)),
        ("web processes, 64 clients, uncached", "web", lambda: _calls(bench, seconds)),
        ("web processes, 32 clients, cached", "web", lambda: _cached_calls(bench, known, seconds)),
    ]
    tables: list[Table] = []
    for title, process, work in scenes:
        thread = threading.Thread(target=work)
        thread.start()
        stacks = _sampled(sampler, bench.site.pids[process], seconds=seconds, name=f"{process}-{len(tables)}")
        thread.join()
        busy = sum(stacks.values()) / (seconds * SAMPLES_A_SECOND)
        tables.append(
            Table(
                key=f"profile_{len(tables)}",
                title=title,
                heads=["share", "function", "calling"],
                rows=shares_of(stacks),
                remark=f"On average {busy:.2f} of its Python threads ran at once, on {cores()} cores.",
            )
        )
    return Outcome(tables=tables)


def shares_of(stacks: Counter[str], *, rows: int = ROWS) -> list[list[str]]:
    """Of stacks `outermost (file:line);…;innermost (file:line)`: share, our innermost function, callee."""
    total = sum(stacks.values())
    found: Counter[tuple[str, str]] = Counter()
    for stack, count in stacks.items():
        # The sampler's first frame names the process where it watched several.
        frames = [frame for frame in stack.split(";") if not frame.startswith("process ")]
        found[_place(frames)] += count
    return [
        [f"{100 * count / total:.0f} %", ours, called] for (ours, called), count in found.most_common(rows)
    ]


def _place(frames: list[str]) -> tuple[str, str]:
    for number in range(len(frames) - 1, -1, -1):
        name, file = _parsed(frames[number])
        room = next((file[file.rindex(room) :] for room in OURS if room in file), None)
        if room is not None:
            called = _parsed(frames[number + 1]) if number + 1 < len(frames) else None
            module = room.removesuffix(".py").replace("/", ".")
            return f"{module}.{name}", f"{Path(called[1]).stem}.{called[0]}" if called else "itself"
    if not frames:
        return "outside our code", "native threads of the web server"
    name, file = _parsed(frames[-1])
    return "outside our code", f"{Path(file).stem}.{name}"


def _parsed(frame: str) -> tuple[str, str]:
    """Function and file of `function (file:line)`."""
    match = _FRAME.match(frame)
    return (match["function"], match["file"]) if match else (frame, "")


def _sampled(sampler: str, pid: int, *, seconds: int, name: str) -> Counter[str]:
    """How often each stack was seen. Raises CalledProcessError where the system does not allow looking."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    target = RESULTS / f"profile-{name}.txt"
    command = [sampler, "record", "--pid", str(pid), "--duration", str(seconds)]
    command += [
        "--rate",
        str(SAMPLES_A_SECOND),
        "--format",
        "raw",
        "--nonblocking",
        "--full-filenames",
        "--subprocesses",
    ]
    subprocess.run([*command, "--output", str(target)], capture_output=True, check=True)
    stacks: Counter[str] = Counter()
    for line in target.read_text("utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        stacks[stack] += int(count)
    return stacks


def _papers(bench: Bench) -> None:
    bench.site.submit(bench.papers(bench.amount(32, 3)))
    bench.site.wait_until_settled(timeout_seconds=120)


def _calls(bench: Bench, seconds: int) -> load.Result:
    return load.run(bench.site.plan(bench.texts(seconds * 120), clients=64, seconds=seconds + 1))


def _cached_calls(bench: Bench, texts: list[str], seconds: int) -> load.Result:
    return load.run(bench.site.plan(texts, clients=32, requests=1_000_000, seconds=seconds + 1))
