from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from detection.services.realtime_usage import pending_characters
from zhenwen.ledger.services import current_allowance


@dataclass(frozen=True, slots=True)
class Usage:
    """This month's characters; what realtime calls used but was not yet booked counts as used."""

    period: date
    granted: int
    used: int
    reserved: int
    remaining: int


def usage_of(*, organization_id: int) -> Usage:
    allowance = current_allowance(organization_id=organization_id)
    used = allowance.used_characters + pending_characters(organization_id=organization_id)
    return Usage(
        period=allowance.period,
        granted=allowance.granted_characters,
        used=used,
        reserved=allowance.reserved_characters,
        remaining=max(0, allowance.granted_characters - used - allowance.reserved_characters),
    )
