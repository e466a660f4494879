"""The compare-and-swap behind every change of state, and the lease of whoever works on a detection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from detection.models import Detection
from detection.states import ALLOWED_TRANSITIONS, State
from zhenwen.tenancy.scope import tenant_scope

logger = structlog.get_logger(__name__)


class LeaseLost(Exception):
    """Somebody else has this detection now, or it was cancelled: stop, and leave no trace."""


def move(detection: Detection, *, to: State, **fields: Any) -> bool:
    """Take the detection from the state and attempt it is known in to another; False when it moved meanwhile.

    Inside the organization's scope. On success the object carries the new state and fields.
    """
    before = State(detection.state)
    if to not in ALLOWED_TRANSITIONS[before]:
        raise ValueError(f"{before} to {to} is no transition")
    fields["state"] = to
    moved = Detection.objects.filter(pk=detection.pk, state=before, attempt=detection.attempt).update(
        **fields
    )
    if not moved:
        return False
    for name, value in fields.items():
        setattr(detection, name, value)
    return True


def lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)


class Lease:
    """Knows whether the work is still ours."""

    def __init__(self) -> None:
        self.lost = threading.Event()

    def check(self) -> None:
        """Raises LeaseLost."""
        if self.lost.is_set():
            raise LeaseLost


@contextmanager
def renewed_lease(detection: Detection) -> Iterator[Lease]:
    """Renew the lease from a thread of its own, which no forward pass can hold up."""
    lease = Lease()
    done = threading.Event()
    renewer = threading.Thread(target=_renew_until, args=(detection, lease, done), daemon=True)
    renewer.start()
    try:
        yield lease
    finally:
        done.set()
        renewer.join()


def _renew_until(detection: Detection, lease: Lease, done: threading.Event) -> None:
    state, attempt = detection.state, detection.attempt
    while not done.wait(settings.LEASE_SECONDS / 4):
        try:
            with tenant_scope(detection.organization_id):
                renewed = Detection.objects.filter(pk=detection.pk, state=state, attempt=attempt).update(
                    lease_expires_at=lease_end()
                )
            if not renewed:
                lease.lost.set()
                break
        except DatabaseError:
            # The next round tries again; if none succeeds the sweeper takes the work back.
            logger.warning("lease not renewed", detection_id=str(detection.pk))
            connection.close()
    connection.close()
