"""A call repeated under one Idempotency-Key happens once.

1. The first call claims the key, in a transaction of its own, before it does anything.
2. Its reply is kept in the transaction of its work: either both stand or neither.
3. The same call again gets the kept reply.
4. The same key with another call is refused.
5. The same call while the first still runs is refused, and may be repeated.
6. A call that was refused changed nothing: its key is free again.
7. A call whose process died is taken over once it must be over; it can no longer finish then. What it may
   have done outside a transaction is found by `work_id`, which is the same for the call and its successor.
8. After a day a key is forgotten.
9. Keys of one organization are unknown to another.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.db.models import Q
from django.utils import timezone

from detection.models.idempotency import IdempotentReply
from zhenwen.tenancy.scope import tenant_scope

# Longer than any call takes; a process that claimed earlier is dead.
RUNNING_AT_MOST = timedelta(minutes=2)
KEPT_FOR = timedelta(hours=24)
_WORK = UUID("6f0e7f5c-3c0e-4b57-9b3e-0d9c1b6f2a41")


class KeyRunning(Exception):
    """The first call with this key has not ended yet."""


class KeyReused(Exception):
    """The key belongs to another call."""


class ClaimLost(Exception):
    """Somebody else took the key over; this call must not take effect."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to answer for a key. The time of the claim fences off earlier claimants."""

    organization_id: int
    key: str
    claimed_at: datetime
    work_id: UUID


@dataclass(frozen=True, slots=True)
class KeptReply:
    status: int
    body: Any  # JSON


def claim_key(*, organization_id: int, key: str, request_sha256: str) -> Claim | KeptReply:
    """Raises KeyRunning or KeyReused. Opens its own transaction, which ends before the work begins."""
    now = timezone.now()
    with tenant_scope(organization_id):
        IdempotentReply.objects.filter(key=key, status__isnull=False, created_at__lt=now - KEPT_FOR).delete()
        reply, created = IdempotentReply.objects.get_or_create(
            organization_id=organization_id, key=key, defaults={"request_sha256": request_sha256}
        )
        if created:
            return _claim(reply)
        if reply.status is None and reply.created_at + RUNNING_AT_MOST < now:
            return _take_over(reply, request_sha256, now)
        if reply.request_sha256 != request_sha256:
            raise KeyReused
        if reply.status is None:
            raise KeyRunning
        return KeptReply(reply.status, reply.body)


def keep_reply(*, claim: Claim, status: int, body: Any) -> None:
    """Inside the transaction of the work. Raises ClaimLost, which must undo that work."""
    kept = _claimed(claim).update(status=status, body=body)
    if not kept:
        raise ClaimLost


def release_key(*, claim: Claim) -> None:
    """Nothing was done for this claim: whoever comes next begins anew."""
    with tenant_scope(claim.organization_id):
        _claimed(claim).delete()


def forget_replies_about(*, detection_id: object) -> None:
    """Erasure: a kept reply names the document."""
    own_id = str(detection_id)
    IdempotentReply.objects.filter(
        Q(body__content__id=own_id) | Q(body__content__detections__contains=[{"id": own_id}])
    ).delete()


def forget_expired_replies() -> int:
    """How many were forgotten, in the scope that is open."""
    forgotten, _per_model = IdempotentReply.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    return forgotten


def _take_over(reply: IdempotentReply, request_sha256: str, now: datetime) -> Claim:
    taken = IdempotentReply.objects.filter(pk=reply.pk, created_at=reply.created_at).update(
        request_sha256=request_sha256, status=None, body=None, created_at=now
    )
    if not taken:
        raise KeyRunning
    reply.request_sha256, reply.created_at = request_sha256, now
    return _claim(reply)


def _claim(reply: IdempotentReply) -> Claim:
    work_id = uuid5(_WORK, f"{reply.pk}:{reply.request_sha256}")
    return Claim(reply.organization_id, reply.key, reply.created_at, work_id)


def _claimed(claim: Claim) -> Any:
    return IdempotentReply.objects.filter(key=claim.key, created_at=claim.claimed_at, status=None)
