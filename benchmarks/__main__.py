"""`python -m benchmarks`: measure everything, or some parts of it, and write docs/performance.md."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from benchmarks import machine
from benchmarks.bare import BareFailed, bare_model
from benchmarks.bench import Bench
from benchmarks.figures import documents, faults, gpu, growth, peers, profile, realtime
from benchmarks.page import write_page
from benchmarks.places import REFERENCE_MODEL, SHIPPED_MODEL, say
from benchmarks.record import Outcome, save
from benchmarks.reference_model import reference_model
from benchmarks.site import SiteFailed, running_site
from benchmarks.texts import Prose

SETTLES_WITHIN_SECONDS = 120
OnSite = Callable[[Bench], Outcome]

# On a site with the shipped model; in the order of the table.
SHIPPED: Mapping[str, OnSite] = {
    "documents": documents.throughput,
    "realtime": realtime.shipped_model,
    "cached": realtime.cached,
    "paper": documents.one_paper,
    "length": growth.text_length,
    "swap": faults.model_swap,
    "kill": faults.killed_workers,
    "profile": profile.bottleneck,
    "queue": growth.queue_length,
}
# On a site with a model of the shape of the reference.
REFERENCE: Mapping[str, OnSite] = {
    "reference-latency": realtime.reference_model,
    "peers": peers.throughput,
}
# With sites of their own, or none.
ALONE: Mapping[str, Callable[..., Outcome]] = {
    "workers": growth.worker_processes,
    "gpu": gpu.windows_per_second,
}


def main(arguments: Sequence[str]) -> int:
    names = [*SHIPPED, *REFERENCE, *ALONE]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="PART", help=", ".join(names)
    )
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run: little of everything, nothing published"
    )
    parser.add_argument(
        "--page-only", action="store_true", help="write the page from what was measured before"
    )
    chosen = parser.parse_args(arguments)
    began = time.monotonic()
    run = Run(set(chosen.only), quick=chosen.quick)
    if not chosen.page_only:
        run.measure()
    if not chosen.quick:
        write_page()
    say(f"done after {time.monotonic() - began:.0f} s, {run.failures} parts failed")
    return 1 if run.failures else 0


@dataclass
class Run:
    """A part that fails is recorded as not measured, and the others go on."""

    chosen: set[str]
    quick: bool
    about: Mapping[str, str] = field(default_factory=machine.description)
    failures: int = 0

    def measure(self) -> None:
        self.on_site(SHIPPED_MODEL, "shipped", SHIPPED)
        self.on_site(REFERENCE_MODEL, "reference", REFERENCE)
        for name, measure in ALONE.items():
            if name in self.chosen:
                self.attempt(name, partial(measure, quick=self.quick))

    def on_site(self, model: Path, label: str, parts: Mapping[str, OnSite]) -> None:
        wanted = {name: part for name, part in parts.items() if name in self.chosen}
        if not wanted:
            return
        try:
            if label == "reference":
                reference_model(model)
            with (
                running_site(label, model=model) as site,
                bare_model(model, cache=site.data_dir / "cache") as bare,
            ):
                bench = Bench(site, bare, Prose(seed=len(label)), model=label, quick=self.quick)
                for name, part in wanted.items():
                    self.attempt(name, partial(_undisturbed, part, bench))
        except (SiteFailed, BareFailed) as error:
            self.failures += len(wanted)
            say(f"  {model.name} does not run here, so that nothing was measured with it: {error}")

    def attempt(self, name: str, measure: Callable[[], Outcome]) -> None:
        say(f"{name} …")
        began = time.monotonic()
        try:
            outcome = measure()
        except Exception as error:  # the rest can still be measured
            self.failures += 1
            traceback.print_exc()
            outcome = Outcome(not_measured=f"It failed: {type(error).__name__}: {str(error)[:300]}")
        save(name, outcome, machine=self.about, quick=self.quick)
        for figure in outcome.figures:
            say(f"    {figure.what}: {figure.value:.3f} {figure.unit} ({figure.beside})")
        say(f"  {name}: {time.monotonic() - began:.0f} s {outcome.not_measured}")


def _undisturbed(part: OnSite, bench: Bench) -> Outcome:
    """Nothing that the part before has left waiting runs into this one."""
    bench.site.wait_until_settled(timeout_seconds=SETTLES_WITHIN_SECONDS)
    return part(bench)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
