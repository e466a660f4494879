"""Reserve, then charge or release: each a conditional UPDATE and one ledger entry, in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import date

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from zhenwen.ledger.models import Allowance, LedgerEntry


class AllowanceExceeded(Exception):
    """Fewer characters are left than asked for. Nothing was reserved."""

    def __init__(self, *, asked_characters: int, remaining_characters: int) -> None:
        super().__init__(f"{asked_characters} asked, {remaining_characters} left")
        self.asked_characters = asked_characters
        self.remaining_characters = remaining_characters


def current_period() -> date:
    return timezone.localdate().replace(day=1)


def open_allowance(*, organization_id: int, granted_characters: int) -> Allowance:
    """This month's allowance; opening it again returns the one that stands."""
    allowance, created = Allowance.objects.get_or_create(
        organization_id=organization_id,
        period=current_period(),
        defaults={"granted_characters": granted_characters},
    )
    if created:
        _enter(allowance, LedgerEntry.Kind.GRANT, granted_characters, f"allowance:{allowance.pk}")
    return allowance


@transaction.atomic
def change_grant(*, allowance_id: int, granted_characters: int) -> None:
    """Set the grant of one month, booked as the difference. Raises IntegrityError below what is used."""
    allowance = Allowance.objects.select_for_update(no_key=True).get(pk=allowance_id)
    difference = granted_characters - allowance.granted_characters
    if difference == 0:
        return
    Allowance.objects.filter(pk=allowance_id).update(granted_characters=granted_characters)
    _enter(allowance, LedgerEntry.Kind.GRANT, difference, f"grant:{uuid.uuid4()}")


def current_allowance(*, organization_id: int) -> Allowance:
    """This month's allowance; a new month repeats the last grant (nothing when there was none)."""
    allowance = Allowance.objects.filter(organization_id=organization_id, period=current_period()).first()
    if allowance is not None:
        return allowance
    last = Allowance.objects.filter(organization_id=organization_id).order_by("-period").first()
    granted = last.entries.filter(kind=LedgerEntry.Kind.GRANT).aggregate(Sum("characters")) if last else {}
    return open_allowance(
        organization_id=organization_id, granted_characters=granted.get("characters__sum") or 0
    )


@transaction.atomic
def reserve_characters(*, organization_id: int, characters: int, reference: str) -> None:
    """Raises AllowanceExceeded. Reserving twice for one reference changes nothing."""
    if _entered(organization_id, LedgerEntry.Kind.RESERVE, reference):
        return
    allowance = current_allowance(organization_id=organization_id)
    reserved = Allowance.objects.filter(
        pk=allowance.pk,
        granted_characters__gte=F("used_characters") + F("reserved_characters") + characters,
    ).update(reserved_characters=F("reserved_characters") + characters)
    if not reserved:
        allowance.refresh_from_db()
        raise AllowanceExceeded(
            asked_characters=characters, remaining_characters=allowance.remaining_characters
        )
    _enter(allowance, LedgerEntry.Kind.RESERVE, characters, reference)


def charge_reservation(*, organization_id: int, reference: str) -> bool:
    """What was reserved becomes used. False when there was no open reservation, or it was settled before."""
    return _settle(organization_id, reference, LedgerEntry.Kind.CHARGE)


def release_reservation(*, organization_id: int, reference: str) -> bool:
    """What was reserved is free again. False when there was no open reservation, or it was settled before."""
    return _settle(organization_id, reference, LedgerEntry.Kind.RELEASE)


@transaction.atomic
def charge_each(*, organization_id: int, characters: Mapping[str, int]) -> None:
    """Charge many uses, by reference, without reservations. None of them may have an entry yet.

    Usage that happened is booked even past the grant, by raising the grant with an `adjust` entry.
    """
    allowance = current_allowance(organization_id=organization_id)
    total = sum(characters.values())
    over = _use(allowance, total)
    if over:
        _enter(allowance, LedgerEntry.Kind.ADJUST, over, f"realtime:{uuid.uuid4()}")
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            organization_id=organization_id,
            allowance=allowance,
            kind=LedgerEntry.Kind.CHARGE,
            characters=number,
            reference=reference,
        )
        for reference, number in characters.items()
    )


def references_entered(*, organization_id: int, references: Iterable[str]) -> set[str]:
    """Those that the ledger knows, whatever became of them."""
    rows = LedgerEntry.objects.filter(organization_id=organization_id, reference__in=list(references))
    return set(rows.values_list("reference", flat=True))


@transaction.atomic
def charge_characters(*, organization_id: int, characters: int, reference: str) -> bool:
    """Charge without a reservation, for usage admitted elsewhere. False when this reference was charged.

    Usage that happened is booked even past the grant, by raising the grant with an `adjust` entry.
    """
    if _entered(organization_id, LedgerEntry.Kind.CHARGE, reference):
        return False
    allowance = current_allowance(organization_id=organization_id)
    over = _use(allowance, characters)
    if over:
        _enter(allowance, LedgerEntry.Kind.ADJUST, over, reference)
    _enter(allowance, LedgerEntry.Kind.CHARGE, characters, reference)
    return True


def _use(allowance: Allowance, characters: int) -> int:
    """Count what was used without a reservation; by how much the grant was raised, because it did not fit."""
    used = {"used_characters": F("used_characters") + characters}
    fits = Allowance.objects.filter(
        pk=allowance.pk,
        granted_characters__gte=F("used_characters") + F("reserved_characters") + characters,
    ).update(**used)
    if fits:
        return 0
    Allowance.objects.filter(pk=allowance.pk).update(
        **used, granted_characters=F("granted_characters") + characters
    )
    return characters


@transaction.atomic(savepoint=False)
def _settle(organization_id: int, reference: str, kind: LedgerEntry.Kind) -> bool:
    # The lock on the allowance makes two settlers take turns; the second then sees the first one's entry.
    reservation = (
        LedgerEntry.objects.select_related("allowance")
        .select_for_update(no_key=True, of=("allowance",))
        .filter(organization_id=organization_id, kind=LedgerEntry.Kind.RESERVE, reference=reference)
        .first()
    )
    if reservation is None:
        return False
    allowance = reservation.allowance
    settled = LedgerEntry.objects.filter(
        organization_id=organization_id,
        kind__in=(LedgerEntry.Kind.CHARGE, LedgerEntry.Kind.RELEASE),
        reference=reference,
    ).exists()
    if settled:
        return False
    used = reservation.characters if kind == LedgerEntry.Kind.CHARGE else 0
    Allowance.objects.filter(pk=allowance.pk).update(
        reserved_characters=F("reserved_characters") - reservation.characters,
        used_characters=F("used_characters") + used,
    )
    _enter(allowance, kind, reservation.characters, reference)
    return True


def _entered(organization_id: int, kind: LedgerEntry.Kind, reference: str) -> bool:
    return LedgerEntry.objects.filter(
        organization_id=organization_id, kind=kind, reference=reference
    ).exists()


def _enter(allowance: Allowance, kind: LedgerEntry.Kind, characters: int, reference: str) -> None:
    LedgerEntry.objects.create(
        organization_id=allowance.organization_id,
        allowance=allowance,
        kind=kind,
        characters=characters,
        reference=reference,
    )
