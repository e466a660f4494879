"""What monitors want to know of detections: how many wait, since when, and is anybody working."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta

from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from redis import RedisError

from detection.models import Detection, ModelVersion
from detection.models.detection import Priority
from detection.services.realtime_calls import INBOX
from detection.services.realtime_writer import unwritten_count
from detection.states import OPEN_STATES
from zhenwen.jobs.presence import live_workers
from zhenwen.jobs.queues import QUEUES, waiting_count
from zhenwen.observability.health import Finding, Status, register_check
from zhenwen.observability.metrics import register_collector
from zhenwen.tenancy.scope import operator_scope

WAIT_AT_MOST = {Priority.REALTIME: timedelta(seconds=30), Priority.DOCUMENTS: timedelta(minutes=15)}


def watch_detections() -> None:
    """Called once, when the application is ready."""
    register_check("detections", detection_findings)
    register_collector("detections", detection_metrics)


def detection_findings() -> Iterator[Finding]:
    if not ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVE).exists():
        yield Finding(Status.UNHEALTHY, "No model version is active: run manage.py register_model.")
    for queue in QUEUES:
        workers = live_workers(queue)
        if not workers:
            yield Finding(Status.DEGRADED, f"Nobody works on the queue {queue}.")
        for worker in workers:
            if "refused" in worker.says:
                yield Finding(
                    Status.DEGRADED, f"{worker.name} has refused a model version; the admin says why."
                )
    for priority, at_most in WAIT_AT_MOST.items():
        waited = max((row[3] for row in _open_detections() if row[1] == priority), default=0.0)
        if waited > at_most.total_seconds():
            yield Finding(
                Status.DEGRADED, f"The oldest {priority} detection has been open for {waited:.0f} s."
            )


def detection_metrics() -> Iterable[Metric]:
    count = GaugeMetricFamily(
        "zhenwen_detections_open", "Detections not yet finished.", labels=["state", "priority"]
    )
    oldest = GaugeMetricFamily(
        "zhenwen_detections_oldest_seconds", "Age of the oldest of them.", labels=["state", "priority"]
    )
    for state, priority, number, age_seconds in _open_detections():
        count.add_metric([state, priority], number)
        oldest.add_metric([state, priority], age_seconds)
    waiting = GaugeMetricFamily(
        "zhenwen_realtime_waiting",
        "Realtime calls in the inbox, and records not yet written.",
        labels=["what"],
    )
    with suppress(RedisError):
        waiting.add_metric(["calls"], INBOX.waiting_count())
        waiting.add_metric(["records"], unwritten_count())
    workers = GaugeMetricFamily("zhenwen_workers", "Live workers of a queue.", labels=["queue"])
    messages = GaugeMetricFamily(
        "zhenwen_queue_messages", "Wake-ups that no worker has taken yet.", labels=["queue"]
    )
    for queue in QUEUES:
        workers.add_metric([queue], len(live_workers(queue)))
        with suppress(RedisError):
            messages.add_metric([queue], waiting_count(queue))
    return [count, oldest, waiting, workers, messages]


def _open_detections() -> list[tuple[str, str, int, float]]:
    """(state, priority, how many, age of the oldest in seconds)"""
    with operator_scope():
        rows = (
            Detection.objects.filter(state__in=OPEN_STATES)
            .order_by()
            .values_list("state", "priority")
            .annotate(number=Count("id"), since=Min("created_at"))
        )
        now = timezone.now()
        return [
            (state, priority, number, (now - since).total_seconds())
            for state, priority, number, since in rows
        ]
