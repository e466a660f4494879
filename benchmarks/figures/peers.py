"""The same 102 M classifier and the same texts, behind the product and behind others, taking turns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from statistics import median

from benchmarks import load
from benchmarks.bench import TEXT_CHARACTERS, Bench
from benchmarks.machine import cores
from benchmarks.measures import interleaved, ratios
from benchmarks.peers.environments import PACKAGES, PeerUnavailable
from benchmarks.peers.running import Peer, infinity, litserve, reference
from benchmarks.places import REFERENCE_MODEL
from benchmarks.record import Figure, Outcome, Table

CLIENTS = 32
CACHED_TEXTS = 40  # the reference needs most of a second for each
PRODUCT = "product"
_WHAT = {
    "reference": "the reference's design: FastAPI, one torch process per core, single precision",
    "infinity-float32": f"{PACKAGES['infinity'][0]}, torch engine, float32 as installed",
    "infinity-bfloat16": f"{PACKAGES['infinity'][0]}, torch engine, --dtype bfloat16",
    "litserve-float32": f"{PACKAGES['litserve'][0]}, batches of 16, float32 as in its examples",
    "litserve-bfloat16": f"{PACKAGES['litserve'][0]}, batches of 16, bfloat16",
}
_TARGETS = {"reference": 5.0, "infinity-bfloat16": 1.5, "litserve-bfloat16": 1.5}


def throughput(bench: Bench) -> Outcome:
    outcome = Outcome()
    redis_url = bench.site.environment["REDIS_URL"]
    starts = {
        "reference": partial(reference, REFERENCE_MODEL, redis_url=redis_url),
        "infinity-float32": partial(infinity, REFERENCE_MODEL, dtype="float32"),
        "infinity-bfloat16": partial(infinity, REFERENCE_MODEL, dtype="bfloat16"),
        "litserve-float32": partial(litserve, REFERENCE_MODEL, dtype="float32"),
        "litserve-bfloat16": partial(litserve, REFERENCE_MODEL, dtype="bfloat16"),
    }
    peers: dict[str, Peer] = {}
    with ExitStack() as stack:
        for name, start in starts.items():
            try:
                peers[name] = stack.enter_context(start())
            except PeerUnavailable as error:
                outcome.notes.append(f"{name} was not measured: {error}")
                continue
            peers[name].pause()
        _uncached(bench, peers, outcome)
        if "reference" in peers:
            _cached(bench, peers["reference"], outcome)
    return outcome


def _uncached(bench: Bench, peers: dict[str, Peer], outcome: Outcome) -> None:
    """So many unseen texts, to the last answer. Slow peers get fewer, and unjudged ones a single round."""
    failed: dict[str, int] = dict.fromkeys([PRODUCT, *peers], 0)

    def product(_round: int) -> float:
        texts = bench.texts(bench.amount(128, 16))
        return _answered(load.run(bench.site.plan(texts, clients=CLIENTS, seconds=120)), PRODUCT)

    def peer(name: str, _round: int) -> float:
        full = 32 if name == "reference" or name.endswith("float32") else 64
        texts = bench.texts(bench.amount(full, 4))
        plan = peers[name].plan([_body(name, text) for text in texts], clients=CLIENTS)
        with _awake(peers[name]):
            return _answered(load.run(plan), name)

    def _answered(result: load.Result, name: str) -> float:
        failed[name] += result.failed
        return result.per_second

    measures: dict[str, Callable[[int], float]] = {PRODUCT: product}
    measures |= {name: partial(peer, name) for name in peers}
    rates = interleaved(measures, range(1))
    judged = {name: measures[name] for name in measures if name == PRODUCT or name in _TARGETS}
    for name, more in interleaved(judged, range(1, bench.rounds)).items():
        rates[name] += more
    for name in peers:
        shares = ratios(rates[PRODUCT][: len(rates[name])], rates[name])
        outcome.figures.append(
            Figure(
                key=f"peer_{name}",
                what=f"throughput ÷ {_WHAT[name]}, uncached",
                value=median(shares),
                unit="×",
                beside=f"{median(rates[PRODUCT]):.1f} ÷ {median(rates[name]):.1f} texts/s of "
                f"{TEXT_CHARACTERS} characters",
                rounds=shares,
                target=_TARGETS.get(name),
            )
        )
    outcome.tables.append(
        Table(
            key="peers",
            title=f"The 102 M classifier, unseen texts of {TEXT_CHARACTERS} characters, {CLIENTS} clients, "
            f"{cores()} cores, rounds taking turns",
            heads=["server", "texts/s, median", "rounds", "failed"],
            rows=[
                [
                    f"Zhenwen ({bench.bare.backend})" if name == PRODUCT else _WHAT[name],
                    f"{median(rates[name]):.2f}",
                    ", ".join(f"{rate:.2f}" for rate in rates[name]),
                    str(failed[name]),
                ]
                for name in [PRODUCT, *peers]
            ],
        )
    )


def _cached(bench: Bench, peer: Peer, outcome: Outcome) -> None:
    texts = bench.known_texts(bench.amount(CACHED_TEXTS, 8))
    bodies = [_body(peer.name, text) for text in texts]
    seconds = bench.amount(5, 1)
    with _awake(peer):
        # Every process of the peer has each text in its own LRU before anything is timed.
        for _ in range(2):
            load.run(peer.plan(bodies, clients=cores(), seconds=600))

    def product(_round: int) -> float:
        plan = bench.site.plan(texts, clients=CLIENTS, requests=1_000_000, seconds=seconds)
        return load.run(plan).per_second

    def other(_round: int) -> float:
        with _awake(peer):
            return load.run(
                peer.plan(bodies, clients=CLIENTS, requests=1_000_000, seconds=seconds)
            ).per_second

    rates = interleaved({PRODUCT: product, peer.name: other}, range(bench.rounds))
    shares = ratios(rates[PRODUCT], rates[peer.name])
    outcome.figures.append(
        Figure(
            key=f"peer_{peer.name}_cached",
            what=f"throughput ÷ {_WHAT[peer.name]}, cached",
            value=median(shares),
            unit="×",
            beside=f"{median(rates[PRODUCT]):,.0f} ÷ {median(rates[peer.name]):,.0f} answers/s, "
            "load generator included in both",
            rounds=shares,
            target=5.0,
        )
    )


@contextmanager
def _awake(peer: Peer) -> Iterator[None]:
    peer.resume()
    try:
        yield
    finally:
        peer.pause()


def _body(peer: str, text: str) -> str:
    content = {"model": "classifier", "input": [text]} if peer.startswith("infinity") else {"text": text}
    return json.dumps(content, ensure_ascii=False)
