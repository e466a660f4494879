"""The realtime workers' part, played in the test's own thread or in one beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from detection.models import ModelVersion
from detection.scoring.types import SegmentInput, SegmentScore
from detection.selectors.model_versions import active_model_version
from detection.services.realtime_worker import RealtimeWorker
from detection.services.realtime_writer import write_waiting_records
from tests.services.detections import FakeModel
from zhenwen.jobs.queues import shared_connection


class FakeSharedScorer(FakeModel):
    """The engine's shared scorer, done as soon as asked; fails or loses its scores as told."""

    def __init__(
        self, *, error: Exception | None = None, meanwhile: Callable[[], None] | None = None
    ) -> None:
        super().__init__(meanwhile)
        self.error = error
        self.tenants: list[int] = []

    def submit(
        self, segments: Sequence[SegmentInput], *, tenant: int, expires_at: float | None = None
    ) -> Future[list[SegmentScore]]:
        self.tenants.append(tenant)
        future: Future[list[SegmentScore]] = Future()
        if self.error is not None:
            future.set_exception(self.error)
        else:
            future.set_result(self.score(segments))
        return future


@dataclass
class FakeServing:
    """A model version, loaded."""

    version: ModelVersion
    scorer: FakeSharedScorer = field(default_factory=FakeSharedScorer)


def serving(scorer: FakeSharedScorer | None = None) -> FakeServing:
    version = active_model_version()
    assert version is not None
    return FakeServing(version, scorer or FakeSharedScorer())


def answer_waiting_calls(scorer: FakeSharedScorer | None = None, *, writes: bool = True) -> int:
    """Take, score and answer all that waits, then write the records; how many calls were taken."""
    model = serving(scorer)
    worker = RealtimeWorker(lambda: model)
    taken = 0
    while number := worker.take(model, wait_seconds=0.01, client=shared_connection()):
        taken += number
        while worker.conclude(wait_seconds=0):
            pass
    if writes:
        write_waiting_records()
    return taken


@contextmanager
def a_realtime_worker(scorer: FakeSharedScorer | None = None) -> Iterator[FakeServing]:
    """A whole worker, in threads of its own, until the end of the block."""
    model = serving(scorer)
    with RealtimeWorker(lambda: model).running():
        yield model
