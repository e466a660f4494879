"""The states of a detection and the only ways between them.

This one table feeds the services, the database constraint, the documentation and the tests.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    QUEUED = "queued", _("Queued")
    EXTRACTING = "extracting", _("Reading the file")
    QUEUED_FOR_SCORING = "queued_for_scoring", _("Waiting to be scored")
    SCORING = "scoring", _("Scoring")
    SUCCEEDED = "succeeded", _("Finished")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


# A lost worker sends a detection back to where it waited, with the next attempt number.
ALLOWED_TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.EXTRACTING, State.FAILED, State.CANCELLED}),
    State.EXTRACTING: frozenset({State.QUEUED_FOR_SCORING, State.QUEUED, State.FAILED, State.CANCELLED}),
    State.QUEUED_FOR_SCORING: frozenset({State.SCORING, State.FAILED, State.CANCELLED}),
    State.SCORING: frozenset({State.SUCCEEDED, State.QUEUED_FOR_SCORING, State.FAILED, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}

# A pasted text needs no extraction and begins at queued_for_scoring.
INITIAL_STATES = frozenset({State.QUEUED, State.QUEUED_FOR_SCORING})
TERMINAL_STATES = frozenset(state for state, after in ALLOWED_TRANSITIONS.items() if not after)
OPEN_STATES = frozenset(State) - TERMINAL_STATES
WORKING_STATES = frozenset({State.EXTRACTING, State.SCORING})
