"""With an NVIDIA GPU: full windows of the 102 M model per second, end to end and bare, in half precision."""

from __future__ import annotations

from importlib.util import find_spec
from statistics import median

from benchmarks.bare import bare_model
from benchmarks.bench import Bench
from benchmarks.figures.documents import submitted_to_reported
from benchmarks.measures import ratios
from benchmarks.places import REFERENCE_MODEL
from benchmarks.record import Figure, Outcome
from benchmarks.reference_model import reference_model
from benchmarks.site import running_site
from benchmarks.texts import Prose

PAPERS, PAPER_CHARACTERS, FULL_WINDOWS, ROUNDS = 60, 100_000, 6_000, 3
# A text of this length is one window: with the two special tokens it has 512.
WINDOW_CHARACTERS = 510


def windows_per_second(*, quick: bool) -> Outcome:
    reason = _why_not()
    if reason:
        return Outcome(not_measured=reason)
    reference_model(REFERENCE_MODEL)
    whole, alone, full = [], [], []
    with (
        running_site("gpu", model=REFERENCE_MODEL) as site,
        bare_model(REFERENCE_MODEL, cache=site.data_dir / "cache") as bare,
    ):
        bench = Bench(site, bare, Prose(seed=90), model="reference", quick=quick)
        for _ in range(bench.amount(ROUNDS, 1)):
            papers = bench.papers(bench.amount(PAPERS, 1), characters=PAPER_CHARACTERS)
            bare_seconds, windows = bare.batched(papers)
            alone.append(windows / bare_seconds)
            whole.append(windows / submitted_to_reported(bench, papers))
            count = bench.amount(FULL_WINDOWS, 8)
            full.append(count / bare.batched(bench.texts(count, characters=WINDOW_CHARACTERS))[0])
        shares = ratios(whole, alone)
    beside = f"{median(whole):,.0f} ÷ {median(alone):,.0f} windows/s of papers; {bare.backend}"
    return Outcome(
        figures=[
            Figure("gpu_share", "GPU: windows/s, 102 M, end to end ÷ bare forward", median(shares), "×",
                   beside, shares, target=0.85),
            Figure("gpu_windows", "GPU: 512-token windows/s, 102 M, bare forward", median(full), "/s",
                   f"{FULL_WINDOWS:,} windows, each full; {bare.backend}", full, target=3000.0),
        ]
    )  # fmt: skip


def _why_not() -> str:
    if find_spec("torch") is None:
        return "torch is not installed, so no GPU can be looked for."
    import torch

    return "" if torch.cuda.is_available() else "This machine has no NVIDIA GPU, so nothing was run on one."
