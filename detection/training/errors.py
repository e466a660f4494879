"""What goes wrong through no fault of the program."""

from __future__ import annotations


class PipelineError(ValueError):
    """What whoever runs a command can put right; the message says what it is, and how where it is known."""
