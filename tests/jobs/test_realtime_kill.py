"""Kill a realtime worker in the middle of many calls: each has a result, one record and one charge."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from detection.models import Detection, Report
from detection.services.realtime import RealtimeOutcome, detect_now
from detection.services.realtime_writer import STREAM, write_left_records
from detection.states import State
from tests.cast import Cast
from tests.jobs.site import QueueServer, running, wait_for
from tests.services.detections import BOB, balance, paper, score
from zhenwen.jobs.queues import shared_connection
from zhenwen.ledger.models import LedgerEntry
from zhenwen.tenancy.scope import tenant_scope

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("queue_server")]

WORKER = ("tests/jobs/realtime_worker.py",)
CALLS = 24


def ask(cast: Cast, number: int) -> RealtimeOutcome:
    try:
        return detect_now(
            organization_id=cast.acme.id,
            text=paper(300, number=number),
            submitter=BOB,
            deadline_seconds=6,
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


def written_or_left() -> bool:
    """True once no record waits; what the killed worker had taken is taken over."""
    write_left_records()
    return int(shared_connection().xlen(STREAM)) == 0
