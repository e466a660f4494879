"""Cursors over rows ordered by time, newest first: stable while rows are added and removed."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet

from zhenwen.http import problems
from zhenwen.http.problems import Problem

ROWS_BY_DEFAULT = 20
ROWS_AT_MOST = 100

_Row = TypeVar("_Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[_Row]):
    rows: list[_Row]
    next_cursor: str | None


def newest_first_page(rows: QuerySet[_Row], *, limit: int, cursor: str | None) -> Page[_Row]:
    """One page of rows that have `created_at` and a UUID `id`. Raises Problem(invalid_cursor)."""
    if cursor is not None:
        created_at, row_id = _read_cursor(cursor)
        rows = rows.filter(Q(created_at__lt=created_at) | Q(created_at=created_at, id__lt=row_id))
    found = list(rows.order_by("-created_at", "-id")[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    return Page(found, _make_cursor(found[-1]) if more else None)


def _make_cursor(row: Any) -> str:
    position = json.dumps([row.created_at.isoformat(), str(row.id)], separators=(",", ":"))
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, uuid.UUID]:
    try:
        position = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        created_at, row_id = json.loads(position)
        moment = datetime.fromisoformat(created_at)
        moment.utctimetuple()
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        return moment, uuid.UUID(row_id)
    except (ValueError, TypeError, AttributeError, OverflowError, binascii.Error, RecursionError) as error:
        raise Problem(problems.INVALID_CURSOR) from error
