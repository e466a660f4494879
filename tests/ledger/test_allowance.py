"""Characters are reserved, then charged or released, once, however many ask at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction

from tests.cast import Cast, make_cast
from zhenwen.ledger.models import Allowance, LedgerEntry
from zhenwen.ledger.services import (
    AllowanceExceeded,
    change_grant,
    charge_characters,
    charge_reservation,
    current_allowance,
    release_reservation,
    reserve_characters,
)
from zhenwen.tenancy.scope import tenant_scope


def balance(organization_id: int) -> tuple[int, int]:
    allowance = current_allowance(organization_id=organization_id)
    return allowance.reserved_characters, allowance.used_characters


def test_a_reservation_becomes_a_charge(cast: Cast) -> None:
    with tenant_scope(cast.acme.id):
        reserve_characters(organization_id=cast.acme.id, characters=500, reference="detection:1")
        assert balance(cast.acme.id) == (500, 0)
        assert charge_reservation(organization_id=cast.acme.id, reference="detection:1")
        assert balance(cast.acme.id) == (0, 500)


def test_a_released_reservation_costs_nothing(cast: Cast) -> None:
    with tenant_scope(cast.acme.id):
        reserve_characters(organization_id=cast.acme.id, characters=500, reference="detection:1")
        assert release_reservation(organization_id=cast.acme.id, reference="detection:1")
        assert balance(cast.acme.id) == (0, 0)


def test_each_reservation_is_settled_once_and_one_way(cast: Cast) -> None:
    with tenant_scope(cast.acme.id):
        reserve_characters(organization_id=cast.acme.id, characters=500, reference="detection:1")
        assert charge_reservation(organization_id=cast.acme.id, reference="detection:1")
        assert not charge_reservation(organization_id=cast.acme.id, reference="detection:1")
        assert not release_reservation(organization_id=cast.acme.id, reference="detection:1")
        assert balance(cast.acme.id) == (0, 500)


def test_reserving_twice_for_one_detection_counts_once(cast: Cast) -> None:
    with tenant_scope(cast.acme.id):
        for _ in range(2):
            reserve_characters(organization_id=cast.acme.id, characters=500, reference="detection:1")
        assert balance(cast.acme.id) == (500, 0)


def test_more_than_is_left_is_refused_and_changes_nothing(cast: Cast) -> None:
    with tenant_scope(cast.acme.id):
        with pytest.raises(AllowanceExceeded) as exceeded:
            reserve_characters(organization_id=cast.acme.id, characters=1_000_001, reference="detection:1")
        assert exceeded.value.remaining_characters == 1_000_000
        assert balance(cast.acme.id) == (0, 0)
        assert not LedgerEntry.objects.filter(reference="detection:1").exists()


def test_usage_admitted_elsewhere_is_charged_once_even_past_the_grant(cast: Cast) -> None:
    with tenant_scope(cast.acme.id):
        for charged in (True, False):
            assert charged is charge_characters(
                organization_id=cast.acme.id, characters=1_000_001, reference="realtime:1"
            )
        assert balance(cast.acme.id) == (0, 1_000_001)


def test_the_database_refuses_a_grant_below_what_is_used(cast: Cast) -> None:
    with tenant_scope(cast.acme.id):
        reserve_characters(organization_id=cast.acme.id, characters=500, reference="detection:1")
        allowance = current_allowance(organization_id=cast.acme.id)
        with pytest.raises(IntegrityError, match="allowance_within_grant"), transaction.atomic():
            change_grant(allowance_id=allowance.pk, granted_characters=499)


def test_a_new_month_repeats_the_grant_with_its_changes_but_not_what_was_overdrawn(cast: Cast) -> None:
    with tenant_scope(cast.acme.id):
        allowance = current_allowance(organization_id=cast.acme.id)
        change_grant(allowance_id=allowance.pk, granted_characters=2_000_000)
        charge_characters(organization_id=cast.acme.id, characters=3_000_000, reference="realtime:1")
        month = allowance.period
        following = date(month.year + month.month // 12, month.month % 12 + 1, 15)
        with time_machine.travel(following, tick=False):
            fresh = current_allowance(organization_id=cast.acme.id)
        assert (fresh.granted_characters, fresh.used_characters) == (2_000_000, 0)


@pytest.mark.django_db(transaction=True)
def test_many_at_once_never_reserve_more_than_is_granted() -> None:
    cast = make_cast(granted_characters=1_000)

    def try_reserving(number: int) -> bool:
        try:
            with tenant_scope(cast.acme.id):
                reserve_characters(
                    organization_id=cast.acme.id, characters=100, reference=f"detection:{number}"
                )
        except AllowanceExceeded:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        granted = list(pool.map(try_reserving, range(40)))
    with tenant_scope(cast.acme.id):
        assert sum(granted) == 10
        assert Allowance.objects.get().reserved_characters == 1_000


@pytest.mark.django_db(transaction=True)
def test_many_settling_at_once_have_one_winner() -> None:
    cast = make_cast()
    with tenant_scope(cast.acme.id):
        reserve_characters(organization_id=cast.acme.id, characters=100, reference="detection:1")

    def settle(number: int) -> bool:
        settler = charge_reservation if number % 2 else release_reservation
        try:
            with tenant_scope(cast.acme.id):
                return settler(organization_id=cast.acme.id, reference="detection:1")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(settle, range(16))) == 1
    with tenant_scope(cast.acme.id):
        assert Allowance.objects.get().reserved_characters == 0
