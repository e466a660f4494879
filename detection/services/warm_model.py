"""What services need to know of the model that a warm worker holds; detection.serving has the real ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Protocol

from detection.models import ModelVersion
from detection.scoring.calibration import Calibration
from detection.scoring.types import SegmentInput, SegmentScore


class SegmentScorer(Protocol):
    """The engine's shared scorer, as far as a document or a call needs it."""

    @property
    def model_name(self) -> str: ...

    @property
    def model_digest(self) -> str: ...

    @property
    def calibration(self) -> Calibration: ...

    def submit(
        self, segments: Sequence[SegmentInput], *, tenant: int, expires_at: float | None = None
    ) -> Future[list[SegmentScore]]: ...


class Model(Protocol):
    """A model version, loaded."""

    @property
    def version(self) -> ModelVersion: ...

    @property
    def scorer(self) -> SegmentScorer: ...


# The model that serves now; None while none does.
CurrentModel = Callable[[], Model | None]
# The same, kept loaded as long as the context lasts.
BorrowModel = Callable[[], AbstractContextManager[Model | None]]
