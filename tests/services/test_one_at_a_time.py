"""However many workers and sweepers meet, a detection moves once, and is charged once.

1. Two workers claim one detection: one works.
2. A worker that lost its lease cannot finish; whoever took over does.
3. Eight settle one reservation: one does.
4. Eight sweepers find one expired lease: one sends it back.
5. A sweeper and a live worker meet: the lease that was renewed stands.
6. Cancelled in the middle: no report, nothing charged.
7. A finished detection is neither cancelled nor failed.
8. PostgreSQL itself refuses a transition that the table does not name.
9. One thread renews all the leases of a process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime

import pytest
from django.conf import LazySettings
from django.db import IntegrityError
from django.utils import timezone

from detection.models import Detection, Report
from detection.services.leases import Lease, LeaseLost, lease_end, renewed_lease
from detection.services.lifecycle import DetectionNotCancellable, cancel_detection, fail_detection
from detection.services.sweeping import take_back_expired_leases
from detection.states import State
from tests.cast import Cast
from tests.services.detections import (
    BOB,
    FakeModel,
    at_once,
    balance,
    claim,
    entries,
    expire_lease,
    fresh,
    hand_in_text,
    score,
)
from zhenwen.ledger.services import charge_reservation
from zhenwen.tenancy.scope import tenant_scope

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fake_version")]


def test_of_eight_workers_one_scores(cast: Cast) -> None:
    detection = hand_in_text(cast.acme)
    model = FakeModel()
    at_once(8, lambda: score(detection, model))
    assert fresh(detection).state == State.SUCCEEDED
    assert model.scored == 2
    assert entries(detection) == ["reserve", "charge"]


def test_a_worker_that_lost_its_lease_cannot_finish(cast: Cast) -> None:
    detection = hand_in_text(cast.acme)

    def lose_the_lease() -> None:
        expire_lease(detection)
        assert take_back_expired_leases() == 1

    after = score(detection, FakeModel(lose_the_lease))
    assert (after.state, after.attempt) == (State.QUEUED_FOR_SCORING, 2)
    assert entries(detection) == ["reserve"]

    assert score(after).state == State.SUCCEEDED
    assert entries(detection) == ["reserve", "charge"]
    assert balance(cast.acme) == (0, after.characters)


def test_eight_settle_and_one_does(cast: Cast) -> None:
    detection = hand_in_text(cast.acme)

    def settle() -> bool:
        with tenant_scope(cast.acme.id):
            return charge_reservation(organization_id=cast.acme.id, reference=detection.ledger_reference)

    assert sorted(at_once(8, settle)) == [False] * 7 + [True]
    assert balance(cast.acme) == (0, detection.characters)


def test_of_eight_sweepers_one_sends_back(cast: Cast) -> None:
    detection = hand_in_text(cast.acme)
    taken: list[int] = []

    def sweep_eightfold() -> None:
        expire_lease(detection)
        taken.extend(at_once(8, take_back_expired_leases))

    after = score(detection, FakeModel(sweep_eightfold))
    assert sum(taken) == 1
    assert after.attempt == 2


def test_a_renewed_lease_stands(cast: Cast) -> None:
    detection = hand_in_text(cast.acme)

    def renew_just_before_the_sweep() -> None:
        expire_lease(detection)
        with tenant_scope(cast.acme.id):
            Detection.objects.filter(pk=detection.pk).update(lease_expires_at=lease_end())
        assert take_back_expired_leases() == 0

    assert score(detection, FakeModel(renew_just_before_the_sweep)).state == State.SUCCEEDED


def test_one_thread_renews_all_leases_and_ends_with_the_last(cast: Cast, settings: LazySettings) -> None:
    claimed = [claim(hand_in_text(cast.acme), State.SCORING) for _ in range(3)]
    detections = [detection for detection in claimed if detection is not None]
    first_ends = lease_ends(detections)
    settings.LEASE_SECONDS = 1
    with ExitStack() as stack:
        leases = [stack.enter_context(renewed_lease(detection)) for detection in detections]
        until(lambda: all(now != then for now, then in zip(lease_ends(detections), first_ends, strict=True)))
        assert len(renewing_threads()) == 1
        with tenant_scope(cast.acme.id):
            cancel_detection(detection=fresh(detections[0]), cancelled_by=BOB)
        until(lambda: is_lost(leases[0]))
        assert not is_lost(leases[1])
    until(lambda: not renewing_threads())


def until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.05)


def is_lost(lease: Lease) -> bool:
    try:
        lease.check()
    except LeaseLost:
        return True
    return False


def lease_ends(detections: Sequence[Detection]) -> list[datetime]:
    return [fresh(detection).lease_expires_at or timezone.now() for detection in detections]


def renewing_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "leases"]


def test_cancelled_while_it_is_scored(cast: Cast) -> None:
    detection = hand_in_text(cast.acme)

    def cancel() -> None:
        with tenant_scope(cast.acme.id):
            cancel_detection(detection=fresh(detection), cancelled_by=BOB)

    assert score(detection, FakeModel(cancel)).state == State.CANCELLED
    assert entries(detection) == ["reserve", "release"]
    assert balance(cast.acme) == (0, 0)
    with tenant_scope(cast.acme.id):
        assert not Report.objects.exists()


def test_what_has_ended_stays_as_it_ended(cast: Cast) -> None:
    detection = score(hand_in_text(cast.acme))
    with tenant_scope(cast.acme.id):
        with pytest.raises(DetectionNotCancellable):
            cancel_detection(detection=detection, cancelled_by=BOB)
        with pytest.raises(ValueError, match="no transition"):
            fail_detection(detection=detection, code="attempts_exhausted")
    assert entries(detection) == ["reserve", "charge"]


def test_no_sql_can_revive_what_has_ended(cast: Cast) -> None:
    detection = score(hand_in_text(cast.acme))
    with pytest.raises(IntegrityError, match="cannot go from succeeded"), tenant_scope(cast.acme.id):
        Detection.objects.filter(pk=detection.pk).update(state=State.QUEUED_FOR_SCORING)
