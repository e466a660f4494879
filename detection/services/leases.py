"""The lease of whoever works on a detection: renewed while the work goes on, taken back when it expires."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from detection.models import Detection
from zhenwen.tenancy.scope import tenant_scope

logger = structlog.get_logger(__name__)


class LeaseLost(Exception):
    """Somebody else has this detection now, or it was cancelled: stop, and leave no trace."""


def lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)


class Lease:
    """Knows whether the work is still ours."""

    def __init__(self, detection: Detection) -> None:
        # As it was claimed; the object itself goes on to other states.
        self._organization_id, self._pk = detection.organization_id, detection.pk
        self._state, self._attempt = detection.state, detection.attempt
        self._lost = threading.Event()

    def check(self) -> None:
        """Raises LeaseLost."""
        if self._lost.is_set():
            raise LeaseLost

    def renew(self) -> None:
        """Raises DatabaseError."""
        with tenant_scope(self._organization_id):
            mine = Detection.objects.filter(pk=self._pk, state=self._state, attempt=self._attempt)
            if not mine.update(lease_expires_at=lease_end()):
                self._lost.set()


@contextmanager
def renewed_lease(detection: Detection) -> Iterator[Lease]:
    """Renew the lease as long as this lasts, from a thread that no forward pass can hold up."""
    lease = Lease(detection)
    _keeper.keep(lease)
    try:
        yield lease
    finally:
        _keeper.let_go(lease)


class _Keeper:
    """One thread of this process renews all its leases; it ends when none is left."""

    def __init__(self) -> None:
        # What follows is guarded by this.
        self._changed = threading.Condition()
        self._leases: set[Lease] = set()
        self._runs = False

    def keep(self, lease: Lease) -> None:
        with self._changed:
            self._leases.add(lease)
            if not self._runs:
                self._runs = True
                threading.Thread(target=self._renew_until_none, name="leases", daemon=True).start()

    def let_go(self, lease: Lease) -> None:
        with self._changed:
            self._leases.remove(lease)
            self._changed.notify_all()

    def _renew_until_none(self) -> None:
        while leases := self._due():
            for lease in leases:
                try:
                    lease.renew()
                except DatabaseError as error:
                    # The next round tries again; if none succeeds the sweeper takes the work back.
                    logger.warning("lease not renewed", error_type=type(error).__name__)
                    connection.close()
        connection.close()

    def _due(self) -> list[Lease]:
        """All there are, after a quarter of their time; none, at once, when the last one has gone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._leases, timeout=settings.LEASE_SECONDS / 4)
            self._runs = bool(self._leases)
            return list(self._leases)


_keeper = _Keeper()
