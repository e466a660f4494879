"""However many workers and sweepers meet, a detection moves once, and is charged once.

1. Two workers claim one detection: one works.
2. A worker that lost its lease cannot finish; whoever took over does.
3. Eight settle one reservation: one does.
4. Eight sweepers find one expired lease: one sends it back.
5. A sweeper and a live worker meet: the lease that was renewed stands.
6. Cancelled in the middle: no report, nothing charged.
7. A finished detection is neither cancelled nor failed.
8. PostgreSQL itself refuses a transition that the table does not name.
"""

from __future__ import annotations

import pytest
from django.db import IntegrityError

from detection.models import Detection, Report
from detection.services.lifecycle import DetectionNotCancellable, cancel_detection, fail_detection
from detection.services.sweeping import take_back_expired_leases
from detection.services.transitions import lease_end
from detection.states import State
from tests.cast import Cast
from tests.services.detections import (
    BOB,
    FakeModel,
    at_once,
    balance,
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
