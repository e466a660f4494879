"""Requests answered ahead of Django, in the metrics that django-prometheus keeps of all others."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from functools import cache
from typing import NamedTuple

from django_prometheus.middleware import Metrics
from prometheus_client import Counter, Histogram


class Kind(NamedTuple):
    """What the counters tell requests apart by. `transport`: http or https."""

    view: str
    method: str
    transport: str
    status: int
    is_ajax: bool


_tally: Tally[Kind] = Tally()


def count_request(kind: Kind, *, size_bytes: int, reply_size_bytes: int, seconds: float) -> None:
    """On the event loop; the counters count together what one turn of it answers."""
    if not _tally:
        asyncio.get_running_loop().call_soon(_count)
    _tally[kind] += 1
    metrics = Metrics.get_instance()
    _latency(kind).observe(seconds)
    metrics.requests_body_bytes.observe(size_bytes)
    metrics.responses_body_bytes.observe(reply_size_bytes)
    metrics.requests_latency_before.observe(seconds)


def _count() -> None:
    for kind, number in _tally.items():
        for counter in _counters(kind):
            counter.inc(number)
    _tally.clear()


@cache
def _counters(kind: Kind) -> list[Counter]:
    """Looked up once: finding a metric by its labels costs more than counting."""
    metrics, (view, method, transport, status, is_ajax) = Metrics.get_instance(), kind
    counters = [
        metrics.requests_total,
        metrics.responses_total,
        metrics.requests_by_method.labels(method=method),
        metrics.requests_by_transport.labels(transport=transport),
        metrics.requests_by_view_transport_method.labels(view=view, transport=transport, method=method),
        metrics.responses_by_status.labels(status=str(status)),
        metrics.responses_by_status_view_method.labels(status=str(status), view=view, method=method),
        metrics.responses_by_charset.labels(charset="utf-8"),
    ]
    return [*counters, metrics.requests_ajax] if is_ajax else counters


@cache
def _latency(kind: Kind) -> Histogram:
    histogram: Histogram = Metrics.get_instance().requests_latency_by_view_method
    return histogram.labels(view=kind.view, method=kind.method)
