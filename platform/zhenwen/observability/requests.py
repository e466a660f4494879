"""Requests answered ahead of Django, in the metrics that django-prometheus keeps of all others."""

from __future__ import annotations

from functools import cache

from django_prometheus.middleware import Metrics
from prometheus_client import Counter, Histogram


def count_request(
    *,
    view: str,
    method: str,
    transport: str,
    status: int,
    is_ajax: bool,
    size_bytes: int,
    reply_size_bytes: int,
    seconds: float,
) -> None:
    """`transport`: http or https."""
    metrics = Metrics.get_instance()
    counters, latency = _of(view, method, transport, status)
    for counter in counters:
        counter.inc()
    latency.observe(seconds)
    if is_ajax:
        metrics.requests_ajax.inc()
    metrics.requests_body_bytes.observe(size_bytes)
    metrics.responses_body_bytes.observe(reply_size_bytes)
    metrics.requests_latency_before.observe(seconds)


@cache
def _of(view: str, method: str, transport: str, status: int) -> tuple[list[Counter], Histogram]:
    """Looked up once: finding a metric by its labels costs more than counting."""
    metrics = Metrics.get_instance()
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
    return counters, metrics.requests_latency_by_view_method.labels(view=view, method=method)
