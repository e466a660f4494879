"""Calls that wait for their answer: how many, what is added to the model, the slowest in a hundred."""

from __future__ import annotations

from statistics import median

from benchmarks import load
from benchmarks.bench import TEXT_CHARACTERS, Bench
from benchmarks.measures import interleaved, ratios
from benchmarks.record import Figure, Outcome

CLIENTS = 64
CACHED_TEXTS = 200
CACHED_CLIENTS = 32
# About as long the model rests between two calls of one client.
REST_SECONDS = 0.006


def shipped_model(bench: Bench) -> Outcome:
    saturation, throughput = _throughput(bench)
    return Outcome(figures=[throughput, *_added_latency(bench), *_at_half(bench, saturation, target_ms=60.0)])


def reference_model(bench: Bench) -> Outcome:
    """The same for the 102 M model, of which only the slowest of a hundred was asked for."""
    saturation, _ = _throughput(bench)
    return Outcome(figures=_at_half(bench, saturation, target_ms=100.0))


def cached(bench: Bench) -> Outcome:
    """Texts seen a moment ago, on a machine that also runs the load generator."""
    texts = bench.known_texts(CACHED_TEXTS)
    plan = bench.site.plan(texts, clients=CACHED_CLIENTS, requests=1_000_000, seconds=bench.amount(6, 1))
    results = [load.run(plan) for _ in range(bench.rounds)]
    rates = [result.per_second for result in results]
    slowest = [result.p99_ms for result in results]
    generator = median(result.generator_cores for result in results)
    failed = load.failures(results)
    beside = f"{CACHED_CLIENTS} clients, {failed}; the load generator itself took {generator:.2f} cores"
    return Outcome(
        figures=[
            Figure("cached_per_second", "cached detections, load generator included", median(rates), "/s",
                   beside, rates, target=3000.0),
            Figure("cached_p99_ms", "cached detections, P99", median(slowest), "ms",
                   "the same runs", slowest, target=50.0, at_most=True),
        ]
    )  # fmt: skip


def _throughput(bench: Bench) -> tuple[float, Figure]:
    """Calls per second at saturation, and the figure."""
    count = bench.amount(512 if bench.model == "shipped" else 128, CLIENTS)
    measured: list[load.Result] = []

    def product(texts: list[str]) -> float:
        measured.append(load.run(bench.site.plan(texts, clients=CLIENTS)))
        # A call that failed is no work done.
        return measured[-1].elapsed_seconds * count / max(1, measured[-1].answered)

    seconds = interleaved(
        {"bare": lambda texts: bench.bare.batched(texts)[0], "product": product},
        [bench.texts(count) for _ in range(bench.rounds)],
    )
    shares = ratios(seconds["bare"], seconds["product"])
    saturation = median(result.per_second for result in measured)
    figure = Figure(
        key=f"realtime_share_{bench.model}",
        what=f"realtime throughput, uncached, {CLIENTS} clients ÷ bare batched forward passes",
        value=median(shares),
        unit="×",
        beside=f"{saturation:.1f} ÷ {count / median(seconds['bare']):.1f} texts/s of {TEXT_CHARACTERS} "
        f"characters, {load.failures(measured)}",
        rounds=shares,
        target=0.80,
    )
    return saturation, figure


def _added_latency(bench: Bench) -> list[Figure]:
    """Beside passes one upon the other, for which the target stands, and beside passes after a rest."""
    count = bench.amount(60, 5)
    added, alone, whole, rested = [], [], [], []
    for _ in range(bench.rounds):
        texts = bench.texts(count)
        bare_ms = 1000 * median(bench.bare.one_by_one(texts))
        rested.append(1000 * median(bench.bare.one_by_one(texts, rest_seconds=REST_SECONDS)))
        product_ms = load.run(bench.site.plan(texts, clients=1)).median_ms
        alone.append(bare_ms)
        whole.append(product_ms)
        added.append(product_ms - bare_ms)
    added_to_rested = [product - bare for product, bare in zip(whole, rested, strict=True)]
    return [
        Figure("realtime_added_ms", "realtime latency added to the bare model, median, one client",
               median(added), "ms", f"{median(whole):.1f} - {median(alone):.1f} ms", added, target=5.0,
               at_most=True),
        Figure("realtime_added_to_rested_ms",
               f"the same, {1000 * REST_SECONDS:.0f} ms of rest before each pass of the bare model",
               median(added_to_rested), "ms", f"{median(whole):.1f} - {median(rested):.1f} ms",
               added_to_rested),
    ]  # fmt: skip


def _at_half(bench: Bench, saturation: float, *, target_ms: float) -> list[Figure]:
    """At equal gaps, for which the target stands, and at random ones, as strangers would call."""
    rate = saturation / 2
    seconds = bench.amount(8, 3)
    equal = [_p99_at(bench, rate, seconds, at_random=False) for _ in range(bench.rounds)]
    at_random = _p99_at(bench, rate, 2 * seconds, at_random=True)
    name = "shipped model" if bench.model == "shipped" else "102 M model"
    beside = f"{rate:.1f} calls/s, half of {saturation:.1f}; {TEXT_CHARACTERS} characters, uncached"
    return [
        Figure(f"realtime_p99_ms_{bench.model}", f"realtime P99 at half of saturation, {name}",
               median(equal), "ms", f"{beside}, equal gaps", equal, target_ms,
               at_most=True),
        Figure(f"realtime_p99_random_ms_{bench.model}", f"the same, calls at random moments, {name}",
               at_random, "ms", f"{beside}, Poisson arrivals"),
    ]  # fmt: skip


def _p99_at(bench: Bench, rate: float, seconds: int, *, at_random: bool) -> float:
    texts = bench.texts(max(3, int(rate * seconds * (1.3 if at_random else 1))))
    plan = bench.site.plan(texts, clients=CLIENTS, rate_per_second=rate, seconds=seconds, at_random=at_random)
    result = load.run(plan)
    if result.failed:
        raise load.LoadFailed(f"{result.failed} of {len(result.log)} calls failed at half of saturation")
    return result.p99_ms
