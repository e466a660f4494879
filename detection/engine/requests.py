"""What waits for the model: requests, their segments, and batches of those."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from detection.engine.batches import BatchInput
from detection.engine.scorer import EncodedSegment
from detection.scoring.types import SegmentInput, SegmentScore


class RequestExpired(Exception):
    """The model could not begin before nobody waited any more."""


@dataclass(slots=True, eq=False)
class ScoreRequest:
    tenant: int
    segments: Sequence[SegmentInput]
    expires_at: float | None  # time.monotonic
    submitted_at: float = field(default_factory=time.monotonic)
    future: Future[list[SegmentScore]] = field(default_factory=Future)
    scores: dict[int, SegmentScore] = field(default_factory=dict)

    def pending(self) -> Iterator[PendingSegment]:
        return (PendingSegment(self, number) for number in range(len(self.segments)))

    def given_up(self) -> str | None:
        """Why nothing of it need be scored any more."""
        if self.future.cancelled():
            return "cancelled"
        if self.future.done():
            return "failed"
        if self.expires_at is not None and time.monotonic() >= self.expires_at:
            return "expired"
        return None


@dataclass(slots=True, eq=False)
class PendingSegment:
    request: ScoreRequest
    number: int
    encoded: EncodedSegment | None = None

    @property
    def input(self) -> SegmentInput:
        return self.request.segments[self.number]

    @property
    def text(self) -> str:
        return self.input.text

    @property
    def size(self) -> int:
        """In tokens; before tokenising in characters, which in Chinese is about the same."""
        return self.encoded.padded_length if self.encoded else len(self.text)

    @property
    def padded_length(self) -> int:
        return self.encoded.padded_length if self.encoded else 0


class PendingBatch:
    """Segments of one padded length, and the rows the model reads of them."""

    def __init__(self, rows: BatchInput, capacity: int) -> None:
        self.input = rows
        self.segments: list[PendingSegment] = []
        self._capacity = capacity

    @property
    def is_full(self) -> bool:
        return len(self.segments) == self._capacity

    def fill(self, window: Sequence[PendingSegment]) -> list[PendingSegment]:
        """Take in what fits, in order; returns it."""
        taken = []
        for segment in window:
            if self.is_full:
                break
            if segment.encoded and segment.padded_length == self.input.padded:
                self.input.add(segment.encoded.tokens.ids)
                self.segments.append(segment)
                taken.append(segment)
        return taken
