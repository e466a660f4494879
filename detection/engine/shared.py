"""One model, many threads that want something scored at once.

Threads of its own keep the model busy, one more than the backend has lanes. One of them keeps the queue: it
drops what nobody waits for any more, tokenises what comes next and cuts batches. Once a batch is cut and a
lane free it runs it itself, and another keeps the queue. At most one batch lies ready: whoever has run one
takes it, and until then it still takes in what fits. So there is no timer: an idle model starts at once, and
a busy one finds its batches the fuller the more is waiting.

A last thread makes scores of what was run, and answers, as long as there is more to run. What comes alone
goes from its tokens to its answer on one thread: each change of threads takes a tenth of a millisecond.

Whose turn it is decides the padded length of a batch; others of that length join it, tenant by tenant, oldest
first. So no tenant and no segment waits for more than one round of the tenants, whatever others have sent.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue

from detection.engine.backends import BackendInfo
from detection.engine.batches import batch_capacity
from detection.engine.fair_queue import FairQueue
from detection.engine.head import Floats
from detection.engine.manifest import Manifest
from detection.engine.requests import PendingBatch, PendingSegment, RequestExpired, ScoreRequest
from detection.engine.scorer import ModelScorer
from detection.scoring.calibration import Calibration
from detection.scoring.types import SegmentInput, SegmentScore
from zhenwen.observability.metrics import ENGINE_QUEUE_CHARACTERS, ENGINE_SECONDS, SEGMENTS_DROPPED_TOTAL

logger = logging.getLogger(__name__)

NO_TENANT = 0
# How far the cutting looks for segments of one length, in batches.
WINDOW_BATCHES = 4

Rows = Sequence[Floats | Exception]


class ScorerClosed(Exception):
    """The scorer takes nothing more, or died of a fault of its own."""


class SharedScorer:
    """A `Scorer` for many threads. Takes the `ModelScorer` over; `close` it when done."""

    def __init__(self, scorer: ModelScorer, *, batch_tokens: int | None = None) -> None:
        self._scorer = scorer
        self._batch_tokens = batch_tokens or scorer.backend.batch_tokens
        self._keeping = threading.Lock()
        self._queue: FairQueue[PendingSegment] = FairQueue()  # of who keeps it
        self._scored: SimpleQueue[tuple[PendingBatch, Rows] | None] = SimpleQueue()
        # What follows is guarded by this. Who keeps the queue waits for news.
        self._news = threading.Condition(threading.Lock())
        self._lanes_free = scorer.backend.lanes
        self._arrived: list[ScoreRequest] = []
        self._open: set[ScoreRequest] = set()
        self._ready: PendingBatch | None = None
        self._closing = False
        self._ended = False
        self._threads = [
            threading.Thread(target=self._guarded, args=(run,), name=f"engine-{name}", daemon=True)
            for name, run in (*[("run", self._run)] * self._runners, ("finish", self._finish))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def _runners(self) -> int:
        return self._scorer.backend.lanes + 1

    @property
    def manifest(self) -> Manifest:
        return self._scorer.manifest

    @property
    def calibration(self) -> Calibration:
        return self._scorer.calibration

    @property
    def model_name(self) -> str:
        return self._scorer.model_name

    @property
    def model_digest(self) -> str:
        return self._scorer.model_digest

    @property
    def backend(self) -> BackendInfo:
        return self._scorer.backend

    def submit(
        self, segments: Sequence[SegmentInput], *, tenant: int, expires_at: float | None = None
    ) -> Future[list[SegmentScore]]:
        """One score per segment, in order. Never blocks; raises ScorerClosed.

        `expires_at`, in seconds of `time.monotonic`, is when nobody waits any more: what has not begun by
        then raises RequestExpired. Cancelling the future drops what has not begun too. A text that the model
        cannot take fails its own request, with the model's exception, and no other. Callbacks of the future
        run on the engine's thread and must be short.
        """
        request = ScoreRequest(tenant, segments, expires_at)
        with self._news:
            if self._closing:
                raise ScorerClosed
            if not segments:
                request.future.set_result([])
                return request.future
            self._arrived.append(request)
            self._open.add(request)
            self._news.notify()
        ENGINE_QUEUE_CHARACTERS.inc(sum(len(segment.text) for segment in segments))
        return request.future

    def score(
        self,
        segments: Sequence[SegmentInput],
        *,
        tenant: int = NO_TENANT,
        expires_at: float | None = None,
    ) -> list[SegmentScore]:
        """`submit`, and wait for it."""
        return self.submit(segments, tenant=tenant, expires_at=expires_at).result()

    def close(self) -> None:
        """Answer what has been submitted, then end; returns when the model is at rest."""
        with self._news:
            self._closing = True
            self._news.notify()
        for thread in self._threads:
            thread.join()

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as error:  # nobody may wait forever for a thread that is gone
            logger.error("engine thread died: %s", type(error).__name__)  # its message may quote a text
            with self._news:
                self._closing = True
                self._end()
                left = list(self._open)
            for request in left:
                self._answer(request, ScorerClosed())

    def _end(self) -> None:
        """With the lock held."""
        self._ended = True
        self._news.notify()

    def _run(self) -> None:
        try:
            while (batch := self._keep_queue()) is not None:
                self._run_from(batch)
        finally:
            self._scored.put(None)

    # One thread at a time: the queue.

    def _keep_queue(self) -> PendingBatch | None:
        """Until there is a batch to run, which is returned; None at the end."""
        with self._keeping:
            while self._receive():
                ready = self._ready
                if ready is None or not ready.is_full:
                    self._offer(self._window())
                if (batch := self._next_batch()) is not None:
                    return batch
        return None

    def _receive(self) -> bool:
        """Wait for something to do and take in what has arrived; False at the end."""
        with self._news:
            self._news.wait_for(
                lambda: self._arrived or self._ended or (not self._ready and (self._queue or self._closing))
            )
            arrived, self._arrived = self._arrived, []
            if self._ended or not (arrived or self._queue):
                self._end()
                return False
        for request in arrived:
            for segment in request.pending():
                self._queue.add(request.tenant, segment)
        return True

    def _window(self) -> list[PendingSegment]:
        """The tokenised segments whose turn comes next, of a few batches' size."""
        window: list[PendingSegment] = []
        dropped: list[tuple[PendingSegment, str]] = []
        size = 0
        for segment in self._queue.in_turn():
            if reason := segment.request.given_up():
                dropped.append((segment, reason))
                continue
            window.append(segment)
            size += segment.size
            if size >= WINDOW_BATCHES * self._batch_tokens:
                break
        for segment, reason in dropped:
            self._leave_queue(segment)
            self._drop(segment, reason)
        return self._encoded(window)

    def _drop(self, segment: PendingSegment, reason: str) -> None:
        SEGMENTS_DROPPED_TOTAL.labels(reason).inc()
        self._answer(segment.request, RequestExpired())  # the cancelled and the failed have theirs

    def _leave_queue(self, segment: PendingSegment) -> None:
        self._queue.remove(segment.request.tenant, segment)
        ENGINE_QUEUE_CHARACTERS.dec(len(segment.text))

    def _encoded(self, window: list[PendingSegment]) -> list[PendingSegment]:
        new = [segment for segment in window if segment.encoded is None]
        try:
            self._encode(new)
        except Exception:
            return [segment for segment in window if self._encodes_alone(segment)]
        return window

    def _encode(self, segments: Sequence[PendingSegment]) -> None:
        if segments:
            encoded = self._scorer.encode([segment.input for segment in segments])
            for segment, encoding in zip(segments, encoded, strict=True):
                segment.encoded = encoding

    def _encodes_alone(self, segment: PendingSegment) -> bool:
        try:
            self._encode([] if segment.encoded else [segment])
        except Exception as error:
            self._leave_queue(segment)
            self._answer(segment.request, error)
            return False
        return True

    def _offer(self, window: Sequence[PendingSegment]) -> None:
        """Put a batch ready, or let the one that is still there grow."""
        ready = self._ready
        if not window:
            return
        if ready is None:
            padded = window[0].padded_length
            capacity = batch_capacity(padded, self._batch_tokens)
            ready = PendingBatch(self._scorer.new_batch(padded, capacity=capacity), capacity)
            taken = ready.fill(window)
            with self._news:
                self._ready = ready
        else:
            with self._news:
                taken = ready.fill(window) if self._ready is ready else []
        for segment in taken:
            self._leave_queue(segment)
        if taken:
            self._queue.to_the_end(taken[0].request.tenant)

    # As many threads at a time as there are lanes: the model.

    def _run_from(self, batch: PendingBatch) -> None:
        """This batch, and what lies ready whenever one has been run."""
        following: PendingBatch | None = batch
        while following is not None:
            batch, rows = following, self._forward(following)
            self._free_lane()
            following = self._next_batch()
            if following is not None or self._has_more():
                self._scored.put((batch, rows))
            else:
                self._conclude(batch, rows)

    def _free_lane(self) -> None:
        with self._news:
            self._lanes_free += 1

    def _next_batch(self) -> PendingBatch | None:
        """The one that lies ready, without what has been given up, if there is a lane for it."""
        while True:
            with self._news:
                if self._ready is None or not self._lanes_free:
                    return None
                batch, self._ready = self._ready, None
                self._lanes_free -= 1
                if self._queue or self._closing:
                    self._news.notify()
            live = []
            for segment in batch.segments:
                if reason := segment.request.given_up():
                    self._drop(segment, reason)
                else:
                    live.append(segment)
            if live:
                return batch if len(live) == len(batch.segments) else self._batch_of(live)
            self._free_lane()

    def _has_more(self) -> bool:
        return bool(self._ready or self._queue or self._arrived)

    def _batch_of(self, segments: Sequence[PendingSegment]) -> PendingBatch:
        batch = PendingBatch(
            self._scorer.new_batch(segments[0].padded_length, capacity=len(segments)), len(segments)
        )
        batch.fill(segments)
        return batch

    def _forward(self, batch: PendingBatch) -> Rows:
        now = time.monotonic()
        for segment in batch.segments:
            ENGINE_SECONDS.labels("wait").observe(now - segment.request.submitted_at)
        try:
            return list(self._scorer.log_odds(batch.input))
        except Exception as error:
            # Each once more by itself: what poisoned the batch fails alone.
            logger.warning("a batch failed (%s); its segments are tried singly", type(error).__name__)
            return [self._forward_alone(segment) for segment in batch.segments]

    def _forward_alone(self, segment: PendingSegment) -> Floats | Exception:
        try:
            odds: Floats = self._scorer.log_odds(self._batch_of([segment]).input)[0]
            return odds
        except Exception as error:
            return error

    # The last thread: the answers.

    def _finish(self) -> None:
        running = self._runners
        while running:
            scored = self._scored.get()
            if scored is None:
                running -= 1
            else:
                self._conclude(*scored)

    def _conclude(self, batch: PendingBatch, rows: Rows) -> None:
        for segment, odds in zip(batch.segments, rows, strict=True):
            self._conclude_segment(segment, odds)

    def _conclude_segment(self, segment: PendingSegment, odds: Floats | Exception) -> None:
        request = segment.request
        if isinstance(odds, Exception):
            self._answer(request, odds)
            return
        assert segment.encoded is not None  # nothing else gets into a batch
        try:
            request.scores[segment.number] = self._scorer.segment_score(segment.encoded, odds)
        except Exception as error:
            self._answer(request, error)
            return
        if len(request.scores) == len(request.segments):
            self._answer(request, [request.scores[number] for number in range(len(request.segments))])

    def _answer(self, request: ScoreRequest, outcome: list[SegmentScore] | Exception) -> None:
        """The first answer counts."""
        with self._news:
            if request not in self._open:
                return
            self._open.remove(request)
        if not request.future.set_running_or_notify_cancel():
            return
        if isinstance(outcome, Exception):
            request.future.set_exception(outcome)
        else:
            request.future.set_result(outcome)
