"""Papers: how much of what the bare model could do reaches the reports, and how soon one report is there."""

from __future__ import annotations

import time
from functools import partial
from statistics import median

from benchmarks.bench import PAPER_CHARACTERS, Bench
from benchmarks.measures import interleaved, percentile, ratios
from benchmarks.papers import docx
from benchmarks.record import Figure, Outcome


def throughput(bench: Bench) -> Outcome:
    """Submit → report of many papers at once, against the forward passes of the same windows."""
    count = bench.amount(24, 2)
    windows = 0

    def bare(papers: list[str]) -> float:
        nonlocal windows
        seconds, windows = bench.bare.batched(papers)
        return seconds

    seconds = interleaved(
        {"bare": bare, "product": partial(submitted_to_reported, bench)},
        [bench.papers(count) for _ in range(bench.rounds)],
    )
    shares = ratios(seconds["bare"], seconds["product"])
    of_product, of_bare = (windows / median(seconds[name]) for name in ("product", "bare"))
    return Outcome(
        figures=[
            Figure(
                key="documents_share",
                what="document throughput, submit → report ÷ bare forward passes of the same windows",
                value=median(shares),
                unit="×",
                beside=f"{of_product:.1f} ÷ {of_bare:.1f} windows/s; "
                f"{count} × {PAPER_CHARACTERS:,} characters",
                rounds=shares,
                target=0.85,
            )
        ]
    )


def one_paper(bench: Bench) -> Outcome:
    """One Word file at a time, upload → report, on a site that does nothing else."""
    seconds = []
    for number in range(bench.amount(9, 2)):
        content = docx(bench.prose.paper(PAPER_CHARACTERS))
        began = time.perf_counter()
        detection_id = bench.site.upload(f"paper-{number}.docx", content)
        bench.site.wait_for([detection_id], timeout_seconds=60, poll_seconds=0.02)
        seconds.append(time.perf_counter() - began)
    return Outcome(
        figures=[
            Figure(
                key="one_paper_seconds",
                what=f"a {PAPER_CHARACTERS:,}-character paper (.docx), upload → report",
                value=median(seconds),
                unit="s",
                beside=f"slowest of {len(seconds)}: {percentile(seconds, 1):.2f} s",
                rounds=seconds,
                target=2.0,
                at_most=True,
            )
        ]
    )


def submitted_to_reported(bench: Bench, papers: list[str]) -> float:
    """Seconds from the first call to the last report, by the clock of the machine that both run on."""
    began = time.time()
    ids = bench.site.submit_each(papers)
    bench.site.wait_until_settled(timeout_seconds=120)
    return bench.site.last_report_at(ids) - began
