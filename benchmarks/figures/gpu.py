"""With an NVIDIA GPU: full windows of the 102 M model per second, end to end and bare, in half precision."""

from __future__ import annotations

import re
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

PAPERS, WINDOWS_A_PAPER, ROUNDS = 60, 200, 3
# Two sentences of this length fill a window: with the two special ones they make 512 tokens.
SENTENCE_CHARACTERS = 255


def windows_per_second(*, quick: bool) -> Outcome:
    reason = _why_not()
    if reason:
        return Outcome(not_measured=reason)
    reference_model(REFERENCE_MODEL)
    whole, alone = [], []
    with (
        running_site("gpu", model=REFERENCE_MODEL) as site,
        bare_model(REFERENCE_MODEL, cache=site.data_dir / "cache") as bare,
    ):
        bench = Bench(site, bare, Prose(seed=90), model="reference", quick=quick)
        for _ in range(bench.amount(ROUNDS, 1)):
            papers = [full_windows(bench.prose, WINDOWS_A_PAPER) for _ in range(bench.amount(PAPERS, 1))]
            bare_seconds, windows = bare.batched(papers)
            product_seconds = submitted_to_reported(bench, papers)
            alone.append(windows / bare_seconds)
            whole.append(windows / product_seconds)
        shares = ratios(whole, alone)
    beside = f"{median(whole):,.0f} ÷ {median(alone):,.0f} windows/s; {bare.backend}"
    return Outcome(
        figures=[
            Figure("gpu_share", "GPU: windows/s, 102 M, end to end ÷ bare forward", median(shares), "×",
                   beside, shares, target=0.85),
            Figure("gpu_windows", "GPU: 512-token windows/s, 102 M, bare", median(alone), "/s",
                   beside, alone, target=3000.0),
        ]
    )  # fmt: skip


def full_windows(prose: Prose, count: int) -> str:
    """A paper that is cut into this many windows of 512 tokens where each character is one."""
    sentences = prose.texts(2 * count, characters=SENTENCE_CHARACTERS)
    return "".join(re.sub("[。；]", "，", sentence[:-1]) + "。" for sentence in sentences)


def _why_not() -> str:
    if find_spec("torch") is None:
        return "torch is not installed, so no GPU can be looked for."
    import torch

    return "" if torch.cuda.is_available() else "This machine has no NVIDIA GPU, so nothing was run on one."
