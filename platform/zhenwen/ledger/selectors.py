from __future__ import annotations

from datetime import date

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncDate

from zhenwen.ledger.models import LedgerEntry


def recent_entries(*, organization_id: int) -> QuerySet[LedgerEntry]:
    return LedgerEntry.objects.filter(organization_id=organization_id).order_by("-created_at", "-id")


def charged_by_day(*, organization_id: int, month: date) -> dict[date, int]:
    """Characters charged on each day of the month that has any; `month` is its first day."""
    rows = (
        LedgerEntry.objects.filter(
            organization_id=organization_id,
            kind=LedgerEntry.Kind.CHARGE,
            allowance__period=month,
        )
        .annotate(day=TruncDate("created_at"))
        .values("day")
        .annotate(total=Sum("characters"))
        .order_by("day")
    )
    return {row["day"]: row["total"] for row in rows}
