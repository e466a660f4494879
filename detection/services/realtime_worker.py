"""Answering realtime calls, many at a time, with the model of a warm worker.

One thread takes calls from the inbox and prepares them, the model's own threads score, another thread
concludes and answers; a third writes the records (realtime_writer). So one group is prepared while another is
scored, and nothing that can wait stands between a score and its answer.

A call whose time is up when it is taken costs nothing more: the web process has handed its text in durably.
Two calls that want the same segment at once share one score.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Protocol

import structlog
from django.db import connections
from django.utils import timezone
from redis import Redis, RedisError

from detection.extraction import extract_text
from detection.models import ModelVersion
from detection.scoring.calibration import Calibration
from detection.scoring.prepare import PreparedDocument, prepare
from detection.scoring.types import ExtractedDocument, SegmentInput, SegmentScore
from detection.scoring.verdict import abstention, conclude
from detection.services.caches import (
    cached_scores,
    keep_in_memory,
    remember_scores,
    scores_in_memory,
    segment_key,
)
from detection.services.realtime_answers import Answer, give_answers
from detection.services.realtime_calls import INBOX, AdmittedCall, admitted_call
from detection.services.realtime_records import record_of
from detection.services.realtime_terms import tolerated_fpr_in
from detection.services.realtime_usage import let_go
from detection.services.realtime_writer import writing_records
from zhenwen.jobs.queues import redis_connection
from zhenwen.observability.metrics import (
    REALTIME_CALLS_TOTAL,
    SEGMENT_CACHE_TOTAL,
    SEGMENTS_SCORED_TOTAL,
    STAGE_SECONDS,
)

logger = structlog.get_logger(__name__)

# Taken and not yet answered: as many as are answered in half a second, between these. The rest waits in the
# inbox, where it is seen at the door, can expire, or go to another worker.
CALLS_IN_HAND = (16, 512)
SECONDS_IN_HAND = 0.5
# Prepared before the first of them is scored.
CALLS_AT_ONCE = 8
SPEED_INTERVAL_SECONDS = 1.0
RECONNECT_SECONDS = 1.0


class SegmentScorer(Protocol):
    """The engine's shared scorer, as far as a call needs it."""

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
    @property
    def version(self) -> ModelVersion: ...

    @property
    def scorer(self) -> SegmentScorer: ...


CurrentModel = Callable[[], Model | None]


@dataclass(slots=True)
class _Work:
    """A call in hand. `missing`: segments without a score."""

    admitted: AdmittedCall
    model: Model
    document: ExtractedDocument
    prepared: PreparedDocument
    started_at: datetime
    scores: list[SegmentScore | None] = field(default_factory=list)
    missing: int = 0
    has_failed: bool = False


@dataclass(frozen=True, slots=True)
class _Scored:
    """Segments that the model has finished with, or not."""

    model: Model
    segments: Sequence[SegmentInput]
    future: Future[list[SegmentScore]]


class RealtimeWorker:
    def __init__(self, current_model: CurrentModel) -> None:
        self._current_model = current_model
        self._scored: SimpleQueue[_Scored | _Work | None] = SimpleQueue()
        # What follows is guarded by this.
        self._changed = threading.Condition()
        self._in_hand = 0
        self._waiting: dict[str, list[tuple[_Work, int]]] = {}  # who wants a segment that is being scored
        self._speed = _Speed()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Answer calls as long as this lasts, and those in hand at the end."""
        done = threading.Event()
        concluding = threading.Thread(target=self._conclude_until_told, name="answers", daemon=True)
        taking = threading.Thread(target=self._take_until, args=(done,), name="calls", daemon=True)
        with ExitStack() as stack:
            stack.enter_context(writing_records())
            for thread in (concluding, taking):
                thread.start()
            try:
                yield
            finally:
                done.set()
                taking.join()
                with self._changed:
                    self._changed.wait_for(lambda: not self._in_hand, timeout=60)
                self._scored.put(None)
                concluding.join()

    # The first thread: calls from the inbox to the model.

    def _take_until(self, done: threading.Event) -> None:
        client = redis_connection(patience_seconds=5)
        while not done.is_set():
            model = self._current_model()
            if model is None:
                done.wait(0.1)
                continue
            try:
                self.take(model, wait_seconds=0.5, client=client)
            except RedisError as error:
                logger.warning("inbox away", error_type=type(error).__name__)
                done.wait(RECONNECT_SECONDS)
            except Exception as error:  # its message may quote a text
                logger.error("calls not begun", error_type=type(error).__name__)
        connections.close_all()

    def take(self, model: Model, *, wait_seconds: float, client: Redis[bytes]) -> int:
        """Begin what waits, as far as there is room; how many calls were taken. Raises RedisError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._room() > 0, timeout=0.5):
                return 0
            room = min(CALLS_AT_ONCE, self._room())
        taken = INBOX.take(at_most=room, wait_seconds=wait_seconds, client=client)
        calls = [admitted_call(item.message) for item in taken]
        for call in calls:
            if call.call.is_over:
                REALTIME_CALLS_TOTAL.labels("expired").inc()
                let_go(organization_id=call.organization_id, call_ids=[call.call.call_id], client=client)
        self._begin([call for call in calls if not call.call.is_over], model)
        return len(taken)

    def _room(self) -> int:
        least, most = CALLS_IN_HAND
        return min(most, max(least, int(self._speed.calls_a_second * SECONDS_IN_HAND))) - self._in_hand

    def _begin(self, calls: Sequence[AdmittedCall], model: Model) -> None:
        if not calls:
            return
        works = []
        with self._changed:
            self._in_hand += len(calls)
            self._speed.begin()
        for call in calls:
            STAGE_SECONDS.labels("wait").observe(max(0.0, time.time() - call.call.asked_at))
            try:
                works.append(_prepared(call, model))
            except Exception as error:
                logger.error("call not prepared", detection_id=call.call.call_id, error=type(error).__name__)
                self._end([Answer.none_for(call)])
        for work, known in zip(works, _looked_up(works, model), strict=True):
            work.scores = known
            self._submit(work)

    def _submit(self, work: _Work) -> None:
        """Ask the model for what nobody knows and nobody has asked for yet."""
        digest, segments = work.model.scorer.model_digest, work.prepared.segments
        missing = [number for number, score in enumerate(work.scores) if score is None]
        SEGMENT_CACHE_TOTAL.labels("hit").inc(len(work.scores) - len(missing))
        SEGMENT_CACHE_TOTAL.labels("miss").inc(len(missing))
        own = []
        with self._changed:
            # What was in flight at the look-up may have landed since; it is in memory before it lands.
            landed = scores_in_memory(model_digest=digest, segments=[segments[n] for n in missing])
            for number, score in zip(missing, landed, strict=True):
                if score is not None:
                    work.scores[number] = score
                    continue
                work.missing += 1
                key = segment_key(digest, segments[number])
                if key not in self._waiting:
                    own.append(segments[number])
                self._waiting.setdefault(key, []).append((work, number))
            is_complete = work.missing == 0
        if is_complete:
            self._scored.put(work)
        if own:
            self._ask_model(work, own)

    def _ask_model(self, work: _Work, segments: Sequence[SegmentInput]) -> None:
        call = work.admitted.call
        try:
            future = work.model.scorer.submit(
                segments,
                tenant=work.admitted.organization_id,
                expires_at=time.monotonic() + call.deadline_at - time.time(),
            )
        except Exception as error:
            future = Future()
            future.set_exception(error)
        future.add_done_callback(lambda scored: self._scored.put(_Scored(work.model, segments, scored)))

    # The second thread: from scores to answers.

    def _conclude_until_told(self) -> None:
        is_told = False
        while not is_told:
            try:
                is_told = not self.conclude(wait_seconds=None)
            except Exception as error:  # whoever waits hands the text in; its message may quote one
                logger.error("answers lost", error_type=type(error).__name__)

    def conclude(self, *, wait_seconds: float | None) -> bool:
        """Answer what has been scored. False when told to stop or when nothing came in `wait_seconds`."""
        ready: list[_Work] = []
        fresh: list[_Scored] = []
        items = self._finished(wait_seconds)
        for item in items:
            if isinstance(item, _Work):
                ready.append(item)
            elif item is not None:
                fresh.append(item)
                ready.extend(self._distributed(item))
        self._end([_concluded(work) for work in ready])
        for scored in fresh:
            if scored.future.exception() is None:
                SEGMENTS_SCORED_TOTAL.labels(scored.model.scorer.model_name).inc(len(scored.segments))
                remember_scores(
                    model_digest=scored.model.scorer.model_digest,
                    segments=scored.segments,
                    scores=scored.future.result(),
                )
        return bool(items) and None not in items

    def _finished(self, wait_seconds: float | None) -> list[_Scored | _Work | None]:
        """What the model has finished with, all that is there."""
        items: list[_Scored | _Work | None] = []
        with suppress(Empty):
            items.append(self._scored.get(timeout=wait_seconds))
            while True:
                items.append(self._scored.get_nowait())
        return items

    def _distributed(self, scored: _Scored) -> list[_Work]:
        """Give every call its scores; those that now have all of them."""
        error = scored.future.exception()
        scores: Sequence[SegmentScore | None] = (
            [None] * len(scored.segments) if error else scored.future.result()
        )
        digest = scored.model.scorer.model_digest
        if not error:
            keep_in_memory(model_digest=digest, segments=scored.segments, scores=scored.future.result())
        complete = []
        with self._changed:
            for segment, score in zip(scored.segments, scores, strict=True):
                for work, number in self._waiting.pop(segment_key(digest, segment), []):
                    work.scores[number] = score
                    work.has_failed |= score is None
                    work.missing -= 1
                    if work.missing == 0:
                        complete.append(work)
        return complete

    def _end(self, answers: Sequence[Answer]) -> None:
        if not answers:
            return
        try:
            give_answers(answers)
        except RedisError as error:
            # Whoever waits hands the text in durably.
            logger.warning("answers not given", error_type=type(error).__name__, count=len(answers))
        finally:
            with self._changed:
                self._in_hand -= len(answers)
                speed = self._speed.end([answer.weight for answer in answers], is_idle=not self._in_hand)
                self._changed.notify_all()
        if speed is not None:
            with suppress(RedisError):
                INBOX.say_speed(speed)


class _Speed:
    """What was done in a second while there was anything to do."""

    def __init__(self) -> None:
        self.calls_a_second = 0.0
        self._weight_a_second = 0.0
        self._busy_since: float | None = None
        self._busy_seconds = 0.0
        self._weights: list[int] = []

    def begin(self) -> None:
        if self._busy_since is None:
            self._busy_since = time.monotonic()

    def end(self, weights: Sequence[int], *, is_idle: bool) -> float | None:
        """The weight a second, told once in a second of work."""
        now = time.monotonic()
        self._weights.extend(weights)
        self._busy_seconds += now - (self._busy_since or now)
        self._busy_since = None if is_idle else now
        if self._busy_seconds < SPEED_INTERVAL_SECONDS:
            return None
        self.calls_a_second = _between(self.calls_a_second, len(self._weights) / self._busy_seconds)
        self._weight_a_second = _between(self._weight_a_second, sum(self._weights) / self._busy_seconds)
        self._busy_seconds, self._weights = 0.0, []
        return self._weight_a_second


def _between(before: float, latest: float) -> float:
    return 0.5 * (before + latest) if before else latest


def _looked_up(works: Sequence[_Work], model: Model) -> list[list[SegmentScore | None]]:
    """What the caches know of each call's segments, in one round trip for all of them."""
    wanted = [segment for work in works for segment in work.prepared.segments if work.scores]
    known = iter(cached_scores(model_digest=model.scorer.model_digest, segments=wanted))
    return [[next(known) for _ in work.scores] for work in works]


def _prepared(call: AdmittedCall, model: Model) -> _Work:
    document = extract_text(call.call.text)
    prepared = prepare(document)
    abstains = abstention(prepared, model.scorer.calibration)
    return _Work(
        admitted=call,
        model=model,
        document=document,
        prepared=prepared,
        started_at=timezone.now(),
        scores=[] if abstains else [None] * len(prepared.segments),
    )


def _concluded(work: _Work) -> Answer:
    if work.has_failed:
        return Answer.none_for(work.admitted)
    scorer = work.model.scorer
    try:
        result = conclude(
            prepared=work.prepared,
            scores=[score for score in work.scores if score is not None],
            calibration=scorer.calibration,
            tolerated_fpr=float(tolerated_fpr_in(work.admitted.terms)),
            model_name=scorer.model_name,
            model_digest=scorer.model_digest,
        )
        record = record_of(
            admitted=work.admitted,
            document=work.document,
            result=result,
            characters=work.prepared.characters,
            model_version_id=work.model.version.pk,
            started_at=work.started_at,
        )
        return Answer.with_record(work.admitted, record, work.model.version)
    except Exception as error:
        logger.error(
            "call not concluded", detection_id=work.admitted.call.call_id, error=type(error).__name__
        )
        return Answer.none_for(work.admitted)
