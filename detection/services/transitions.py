"""The compare-and-swap behind every change of state."""

from __future__ import annotations

from typing import Any

from detection.models import Detection
from detection.states import ALLOWED_TRANSITIONS, State


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
