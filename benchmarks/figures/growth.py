"""How costs grow with the work: more workers, longer queues, longer texts."""

from __future__ import annotations

import time
from statistics import median

from benchmarks.bench import Bench
from benchmarks.machine import cores
from benchmarks.places import SHIPPED_MODEL, say
from benchmarks.record import Growth, Line, Outcome
from benchmarks.site import Site, running_site
from benchmarks.texts import Prose

SHORT_CHARACTERS = 120
QUEUES = (1, 10, 100, 1_000, 10_000)
LENGTHS = (50, 200, 1_000, 5_000, 20_000, 50_000, 100_000, 200_000)
# A longer queue than this allows is left out, and the page says so.
QUEUE_SECONDS_AT_MOST = 400.0


def queue_length(bench: Bench) -> Outcome:
    points: list[tuple[float, float]] = []
    remark = ""
    for count in QUEUES[: bench.amount(len(QUEUES), 2)]:
        expected_seconds = count * points[-1][1] if points else 0.0
        if expected_seconds > QUEUE_SECONDS_AT_MOST:
            count = int(QUEUE_SECONDS_AT_MOST / points[-1][1])
            remark = f"Cut to {count:,} papers, so that the run ends: {expected_seconds:.0f} s were expected."
        papers = bench.texts(count, characters=SHORT_CHARACTERS)
        seconds = _queued_to_reported(bench.site, papers, timeout_seconds=3 * QUEUE_SECONDS_AT_MOST)
        points.append((count, seconds / count))
        say(f"    {count:,} papers: {seconds:.1f} s")
    return Outcome(
        growth=[
            Growth(
                key="queue",
                title=f"Papers of {SHORT_CHARACTERS} characters waiting at once: seconds for each of them",
                x="papers handed in at once",
                y="seconds a paper",
                lines=[Line("submit → report of all ÷ papers", points)],
                logarithmic_x=True,
                remark=remark,
            )
        ]
    )


def text_length(bench: Bench) -> Outcome:
    points = []
    for characters in LENGTHS[: bench.amount(len(LENGTHS), 4)]:
        repeats = 1 if bench.quick else 3 if characters <= 50_000 else 1
        seconds = [
            _queued_to_reported(bench.site, bench.papers(1, characters=characters), timeout_seconds=120)
            for _ in range(repeats)
        ]
        points.append((float(characters), median(seconds)))
    return Outcome(
        growth=[
            Growth(
                key="length",
                title="One text from 50 to 200,000 characters: seconds from submission to report",
                x="characters",
                y="seconds",
                lines=[Line("submit → report", points)],
            )
        ]
    )


def worker_processes(*, quick: bool) -> Outcome:
    """Each worker with one thread: the line is straight up to the number of cores, and flat beyond it."""
    prose = Prose(seed=71)
    counts = (1, 2) if quick else (1, 2, 3, 4)
    characters, count = 5_000, 2 if quick else 32
    one_thread = {"ZHENWEN_ENGINE_THREADS": "1"}
    points: list[tuple[float, float]] = []
    with running_site("workers", model=SHIPPED_MODEL, environment=one_thread) as site:
        for workers in counts:
            with site.more_workers(workers - 1, **one_thread):
                rates = []
                for _ in range(1 if quick else 2):
                    papers = ["\n".join(prose.paper(characters)) for _ in range(count)]
                    seconds = _queued_to_reported(site, papers, timeout_seconds=120)
                    rates.append(count * characters / seconds)
                points.append((workers, median(rates)))
    return Outcome(
        growth=[
            Growth(
                key="workers",
                title=f"1 to {counts[-1]} worker processes of one thread on {cores()} cores: "
                "characters a second",
                x="worker processes",
                y="characters a second",
                lines=[Line("submit → report", points)],
            )
        ]
    )


def _queued_to_reported(site: Site, texts: list[str], *, timeout_seconds: float) -> float:
    began = time.time()
    ids = site.submit(texts)
    site.wait_until_settled(timeout_seconds=timeout_seconds, poll_seconds=0.05 if len(ids) < 10 else 0.5)
    return site.last_report_at(ids[-100:]) - began
