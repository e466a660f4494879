"""Whatever happens in whatever order, the allowance agrees with the ledger, and nothing is charged twice."""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from detection.models import Detection, ModelVersion
from detection.services.leases import lease_end
from detection.services.lifecycle import DetectionNotCancellable, cancel_detection
from detection.services.sweeping import take_back_expired_leases
from detection.services.transitions import move
from detection.states import OPEN_STATES, State
from tests.cast import make_cast
from tests.services.detections import (
    BOB,
    active_fake_version,
    expire_lease,
    extract,
    fresh,
    hand_in_file,
    hand_in_text,
    paper,
    score,
)
from zhenwen.ledger.models import LedgerEntry
from zhenwen.ledger.services import AllowanceExceeded, current_allowance
from zhenwen.tenancy.scope import tenant_scope

CHARACTERS = st.integers(min_value=50, max_value=900)


class Detections(RuleBasedStateMachine):
    detections: Bundle[Detection] = Bundle("detections")

    @initialize(granted=st.integers(min_value=0, max_value=4_000))
    def open_an_institution(self, granted: int) -> None:
        self.undone = transaction.atomic()
        self.undone.__enter__()
        self.acme = make_cast(granted_characters=granted).acme
        active_fake_version()

    def teardown(self) -> None:
        if hasattr(self, "undone"):
            transaction.set_rollback(True)
            self.undone.__exit__(None, None, None)

    @rule(target=detections, characters=CHARACTERS, as_file=st.booleans())
    def hand_in(self, characters: int, as_file: bool) -> Detection | MultipleResults[Detection]:
        try:
            if as_file:
                return hand_in_file(self.acme, paper(characters).encode())
            return hand_in_text(self.acme, paper(characters))
        except AllowanceExceeded:
            return multiple()

    @rule(detection=detections)
    def read(self, detection: Detection) -> None:
        extract(fresh(detection))

    @rule(detection=detections)
    def score(self, detection: Detection) -> None:
        score(fresh(detection))

    @rule(detection=detections)
    def score_as_an_earlier_attempt(self, detection: Detection) -> None:
        before = fresh(detection)
        before.attempt -= 1
        state = before.state
        assert score(before).state == state

    @rule(detection=detections)
    def begin_and_vanish(self, detection: Detection) -> None:
        current = fresh(detection)
        if current.state != State.QUEUED_FOR_SCORING:
            return
        with tenant_scope(self.acme.id):
            version = ModelVersion.objects.get()
            assert move(current, to=State.SCORING, lease_expires_at=lease_end(), model_version=version)
        expire_lease(current)
        assert take_back_expired_leases() == 1

    @rule(detection=consumes(detections))
    def cancel(self, detection: Detection) -> None:
        with tenant_scope(self.acme.id):
            try:
                cancel_detection(detection=detection, cancelled_by=BOB)
            except DetectionNotCancellable:
                assert not fresh(detection).is_open

    @invariant()
    def allowance_agrees_with_ledger(self) -> None:
        if not hasattr(self, "acme"):
            return
        with tenant_scope(self.acme.id):
            allowance = current_allowance(organization_id=self.acme.id)
            rows = LedgerEntry.objects.order_by().values_list("kind").annotate(Sum("characters"))
            sums = Counter(dict(rows))
            assert allowance.used_characters == sums["charge"]
            assert allowance.reserved_characters == sums["reserve"] - sums["charge"] - sums["release"]
            assert allowance.remaining_characters >= 0

    @invariant()
    def every_end_is_settled_once(self) -> None:
        if not hasattr(self, "acme"):
            return
        with tenant_scope(self.acme.id):
            kinds: dict[str, list[str]] = {}
            for reference, kind in LedgerEntry.objects.values_list("reference", "kind"):
                kinds.setdefault(reference, []).append(kind)
            for detection in Detection.objects.all():
                booked = Counter(kinds.get(detection.ledger_reference, []))
                settled = booked["charge"] + booked["release"]
                reserved = booked["reserve"]
                assert settled == (0 if detection.state in OPEN_STATES else reserved)
                assert booked["charge"] == (detection.state == State.SUCCEEDED)


@pytest.mark.django_db
def test_no_order_of_events_breaks_the_books() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Detections,
        settings=settings(
            max_examples=20,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
