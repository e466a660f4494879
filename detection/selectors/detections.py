from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db.models import QuerySet

from detection.models import Batch, Detection
from detection.states import State

# How far along a state is on its own, before any segment is counted.
_FRACTION = {
    State.QUEUED: 0.02,
    State.EXTRACTING: 0.1,
    State.QUEUED_FOR_SCORING: 0.25,
    State.SCORING: 0.3,
    State.SUCCEEDED: 1.0,
    State.FAILED: 1.0,
    State.CANCELLED: 1.0,
}


@dataclass(frozen=True, slots=True)
class Progress:
    state: State
    fraction: float  # 0 to 1

    @property
    def label(self) -> str:
        return str(self.state.label)


def detections_of(*, organization_id: int) -> QuerySet[Detection]:
    """Newest first, with document and report."""
    return (
        Detection.objects.filter(organization_id=organization_id)
        .select_related("document", "report")
        .order_by("-created_at", "-id")
    )


def detection_of(*, organization_id: int, detection_id: uuid.UUID | str) -> Detection | None:
    """None for an id that is none, and for one of another organization."""
    try:
        key = uuid.UUID(str(detection_id))
    except ValueError:
        return None
    return detections_of(organization_id=organization_id).filter(pk=key).first()


def batches_of(*, organization_id: int) -> QuerySet[Batch]:
    return Batch.objects.filter(organization_id=organization_id).order_by("-created_at")


def progress_of(detection: Detection) -> Progress:
    state = State(detection.state)
    fraction = _FRACTION[state]
    if state == State.SCORING and detection.segments_total:
        fraction += (0.95 - fraction) * detection.segments_scored / detection.segments_total
    return Progress(state=state, fraction=round(fraction, 3))
