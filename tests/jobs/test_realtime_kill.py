"""Kill a realtime worker in the middle of many calls: each has a result, soon, one record and one charge."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from detection.models import Detection, Report
from detection.services.realtime import INBOX_SECONDS_AT_MOST, RealtimeOutcome, detect_now
from detection.services.realtime_writer import STREAM, write_left_records
from detection.states import State
from tests.cast import Cast
from tests.jobs.site import QueueServer, running, wait_for
from tests.services.detections import BOB, balance, paper, score
from zhenwen.jobs.queues import shared_connection
from zhenwen.jobs.taking import DEAD_SECONDS
from zhenwen.ledger.models import LedgerEntry
from zhenwen.tenancy.scope import tenant_scope

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("queue_server")]

WORKER = ("tests/jobs/realtime_worker.py",)
CALLS = 24


def ask(cast: Cast, number: int, *, deadline_seconds: float = 6) -> RealtimeOutcome:
    try:
        return detect_now(
            organization_id=cast.acme.id,
            text=paper(300, number=number),
            submitter=BOB,
            deadline_seconds=deadline_seconds,
        )
    finally:
        connection.close()


def test_a_worker_killed_under_load_loses_nothing_and_charges_once(
    cast: Cast, queue_server: QueueServer
) -> None:
    with ThreadPoolExecutor(8) as pool:
        with running(*WORKER, SCORING_SECONDS="0.1") as worker:
            calls = [pool.submit(ask, cast, number) for number in range(CALLS)]
            wait_for(lambda: sum(call.done() for call in calls) >= 5, "the first answers")
            worker.kill()
        with running(*WORKER):
            outcomes = [call.result() for call in calls]
            wait_for(written_or_left, "the records of the living worker")
    for outcome in outcomes:
        if outcome.payload is None:
            assert outcome.detection is not None
            score(outcome.detection)
    with tenant_scope(cast.acme.id):
        assert Detection.objects.filter(state=State.SUCCEEDED).count() == CALLS
        assert Report.objects.count() == CALLS
        charged = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.CHARGE)
        assert len(set(charged.values_list("reference", flat=True))) == charged.count() == CALLS
        characters = sum(charged.values_list("characters", flat=True))
    assert balance(cast.acme) == (0, characters)


def test_the_callers_of_a_killed_worker_wait_for_no_deadline(cast: Cast, queue_server: QueueServer) -> None:
    """Whoever stands by answers what was in hand as soon as the worker has been silent for long enough."""
    with ThreadPoolExecutor(4) as pool, running(*WORKER, STANDBY="1"):
        with running(*WORKER, SCORING_SECONDS="60") as worker:
            wait_for(lambda: live_workers() > 0, "the regular worker")
            calls = [pool.submit(ask, cast, number, deadline_seconds=30) for number in range(4)]
            wait_for(lambda: calls_held() > 0, "the calls to be taken")
            worker.kill()
        killed_at = time.monotonic()
        outcomes = [call.result() for call in calls]
        assert time.monotonic() - killed_at < (DEAD_SECONDS + INBOX_SECONDS_AT_MOST) / 2
        wait_for(written_or_left, "the records")
    assert all(outcome.payload for outcome in outcomes), "none was handed in"
    with tenant_scope(cast.acme.id):
        assert LedgerEntry.objects.filter(kind=LedgerEntry.Kind.CHARGE).count() == len(calls)


def live_workers() -> int:
    return int(shared_connection().zcard("inbox:realtime:regulars"))


def calls_held() -> int:
    client = shared_connection()
    return sum(client.hlen(name) for name in client.scan_iter("inbox:realtime:held:*"))


def written_or_left() -> bool:
    """True once no record waits; what the killed worker had taken is taken over."""
    write_left_records()
    return int(shared_connection().xlen(STREAM)) == 0
