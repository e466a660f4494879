"""A call to the realtime workers: what it asks, and the message that carries it.

The text itself stands in the message, and in the inbox until a worker takes it or its time is up: that is
what makes the call quick. It stands nowhere else in Valkey.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from zhenwen.jobs.inbox import Inbox
from zhenwen.jobs.queues import REALTIME

INBOX = Inbox(REALTIME)

_encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class RealtimeCall:
    """`deadline_at`, in seconds of the epoch, is when nobody waits for this way any more.

    `title` as lists will show it.
    """

    call_id: str  # of the detection that it becomes
    text: str  # as extraction cleans it, in place
    text_sha256: str
    title: str
    external_id: str
    asked_at: float
    deadline_at: float

    @property
    def weight(self) -> int:
        """In characters of the text, of which never fewer are sent than are charged."""
        return len(self.text)

    @property
    def is_over(self) -> bool:
        return time.time() >= self.deadline_at

    @property
    def asked(self) -> datetime:
        return datetime.fromtimestamp(self.asked_at, UTC)


@dataclass(frozen=True, slots=True)
class AdmittedCall:
    """A call that the door let in: for whom, on which terms."""

    call: RealtimeCall
    organization_id: int
    terms: str
    label: str  # of the API key or person, as the record says it


def call_fields(call: RealtimeCall) -> str:
    """The part of the message that the door adds the organization to."""
    fields = [
        call.call_id,
        call.text,
        call.text_sha256,
        call.title,
        call.external_id,
        call.asked_at,
        call.deadline_at,
    ]
    return _encode(fields)


def admitted_call(message: bytes) -> AdmittedCall:
    organization_id, terms, label, fields = message.split(b"\n", 3)
    values: list[Any] = json.loads(fields)
    return AdmittedCall(RealtimeCall(*values), int(organization_id), terms.decode(), label.decode())
