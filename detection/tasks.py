"""What forked workers run, with nothing handed in and nothing handed out."""

from __future__ import annotations

from detection.models import Detection
from detection.services.extraction import blame_file, extract_next
from zhenwen.jobs.note import ForkNote

# Whose file is being read. The parent that forks readers has it too: it must know whose file killed one.
_in_hand = ForkNote()


def extract_next_task() -> None:
    extract_next(tell=_note)
    _in_hand.clear()


def reader_killed() -> None:
    """Called in the parent when a reader was killed."""
    if (in_hand := _in_hand.taken()) is not None:
        blame_file(**in_hand)


def _note(detection: Detection) -> None:
    _in_hand.write(
        {
            "organization_id": detection.organization_id,
            "detection_id": str(detection.pk),
            "attempt": detection.attempt,
        }
    )
