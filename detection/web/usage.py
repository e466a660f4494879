from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.permissions import Permission
from accounts.web.access import MemberRequest, member_page
from detection.selectors.usage import usage_of
from zhenwen.ledger.models import LedgerEntry
from zhenwen.ledger.selectors import charged_by_day, recent_entries

ENTRIES_SHOWN = 30
CHART_WIDTH = 1000
CHART_HEIGHT = 200


@dataclass(frozen=True, slots=True)
class DayBar:
    day: date
    characters: int
    x: float
    middle: float
    y: float
    width: float
    height: float
    is_labelled: bool


@member_page(Permission.READ_USAGE)
@require_safe
def usage(request: MemberRequest) -> HttpResponse:
    organization_id = request.membership.organization_id
    current = usage_of(organization_id=organization_id)
    charged = charged_by_day(organization_id=organization_id, month=current.period)
    context = {
        "usage": current,
        "used_width": _share(current.used, current.granted) * CHART_WIDTH,
        "reserved_width": _share(current.reserved, current.granted) * CHART_WIDTH,
        "bars": day_bars(current.period, charged),
        "most": max(charged.values(), default=0),
        "entries": [
            (entry, _detection_id(entry))
            for entry in recent_entries(organization_id=organization_id)[:ENTRIES_SHOWN]
        ],
    }
    return render(request, "detection/usage.html", context)


def _detection_id(entry: LedgerEntry) -> str:
    """Of what was charged; empty for what is no detection."""
    kind, _, reference = entry.reference.partition(":")
    return reference if kind == "detection" else ""


def _share(part: int, whole: int) -> float:
    return min(part / whole, 1.0) if whole else 0.0


def day_bars(month: date, charged: dict[date, int]) -> list[DayBar]:
    """One bar for each day of the month, in a drawing of CHART_WIDTH × CHART_HEIGHT."""
    days = calendar.monthrange(month.year, month.month)[1]
    most = max([1, *charged.values()])
    slot = CHART_WIDTH / days
    bars = []
    for index in range(days):
        day = month + timedelta(days=index)
        characters = charged.get(day, 0)
        height = round(characters / most * CHART_HEIGHT, 1)
        bars.append(
            DayBar(
                day=day,
                characters=characters,
                x=round(index * slot + slot * 0.15, 1),
                middle=round((index + 0.5) * slot, 1),
                y=round(CHART_HEIGHT - height, 1),
                width=round(slot * 0.7, 1),
                height=height,
                is_labelled=day.day == 1 or day.day % 5 == 0,
            )
        )
    return bars
