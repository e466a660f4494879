"""Metrics of our own. A room that does something worth counting counts it here.

Names are zhenwen_<noun>_<unit>; labels have few values and never an institution's data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import Metric

from zhenwen.observability.shared_counter import SharedCounter

STAGE_SECONDS = Histogram(
    "zhenwen_stage_seconds",
    "Time a detection took: wait (for a worker), extract, prepare, infer, store.",
    ["stage"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
DETECTIONS_TOTAL = SharedCounter(
    "zhenwen_detections_total", "Detections that reached a terminal state.", ["state", "error_code"]
)
VERDICTS_TOTAL = Counter(
    "zhenwen_verdicts_total",
    "Verdicts by model version; their shares drifting is worth a look.",
    ["model", "verdict"],
)
SEGMENTS_SCORED_TOTAL = Counter("zhenwen_segments_scored_total", "Segments through the model.", ["model"])
SEGMENT_CACHE_TOTAL = Counter(
    "zhenwen_segment_cache_total", "Segments looked up in the cache.", ["outcome"]
)  # hit, miss
BATCH_FILL_RATIO = Histogram(
    "zhenwen_batch_fill_ratio",
    "Real tokens of a batch over its padded tokens.",
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0),
)
BATCH_TOKENS = Histogram(
    "zhenwen_batch_tokens",
    "Padded tokens of a batch.",
    buckets=(64, 128, 256, 512, 1024, 2048, 3072, 4096, 8192, 16384),
)
ENGINE_SECONDS = Histogram(
    "zhenwen_engine_seconds",
    "Time in the engine: tokenise (a window), wait (a segment, until its batch starts), forward (a batch).",
    ["stage"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
ENGINE_QUEUE_CHARACTERS = Gauge(
    "zhenwen_engine_queue_characters",
    "Characters that wait for the model in this process; about as many tokens.",
    multiprocess_mode="livesum",
)
SEGMENTS_DROPPED_TOTAL = Counter(
    "zhenwen_segments_dropped_total", "Segments that nobody waits for any more.", ["reason"]
)  # expired, cancelled
REALTIME_CALLS_TOTAL = Counter(
    "zhenwen_realtime_calls_total",
    "Realtime calls by what became of them: cached, overloaded, durable, gone (at the door); answered, "
    "expired, too_late, none (in the worker).",
    ["outcome"],
)
LEASES_EXPIRED_TOTAL = Counter("zhenwen_leases_expired_total", "Detections taken back from a lost worker.")
DETECTIONS_IN_HAND = Gauge(
    "zhenwen_detections_in_hand",
    "Detections that warm workers work on at this moment.",
    ["priority"],
    multiprocess_mode="livesum",
)
WORKER_INFO = Gauge(
    "zhenwen_worker_info",
    "1 for each warm worker, with what it runs on.",
    ["queue", "model", "digest", "backend", "device", "precision"],
    multiprocess_mode="livesum",
)
MODEL_CHANGE_SECONDS = Histogram(
    "zhenwen_model_change_seconds",
    "Time a warm worker took to load, check and take up a model version, or to refuse it.",
    ["outcome"],
    buckets=(0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)  # changed, refused

Collect = Callable[[], Iterable[Metric]]
_collectors: dict[str, Collect] = {}


def register_collector(name: str, collect: Collect) -> None:
    """Read at every scrape, for what the database or Valkey knows better than any process."""
    _collectors[name] = collect


class RegisteredCollectors:
    """All registered collectors as one, for a registry."""

    def collect(self) -> Iterable[Metric]:
        for collect in list(_collectors.values()):
            yield from collect()


register_collector("detections_total", DETECTIONS_TOTAL.collect)


def add_registered_collectors(registry: CollectorRegistry) -> None:
    registry.register(RegisteredCollectors())
