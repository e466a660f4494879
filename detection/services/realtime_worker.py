"""Answering realtime calls, many at a time, with the model of a warm worker.

One thread takes calls from the inbox and prepares them, the model's own threads score, another thread
concludes and answers; a third writes the records (realtime_writer), a fourth says that all this lives. So one
group is prepared while another is scored, and nothing that can wait stands between a score and its answer.
A call that comes alone is prepared before it is taken, and concluded by the thread that has scored it: each
round trip and each change of threads that it is spared is a tenth of a millisecond or two.

A call whose time is up when it is taken costs nothing more: the web process has handed its text in durably.

A standby, in a worker of papers, does the same while no regular worker lives (zhenwen.jobs.taking).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from queue import Empty, SimpleQueue

import structlog
from django.db import connections
from redis import Redis, RedisError

from detection.scoring.types import SegmentInput, SegmentScore
from detection.services.caches import written_scores
from detection.services.realtime_answers import Answer, give_answers
from detection.services.realtime_calls import INBOX, AdmittedCall, admitted_call
from detection.services.realtime_speed import Speed
from detection.services.realtime_usage import let_go
from detection.services.realtime_work import Work, WorkAhead, concluded, look_up, prepared_work
from detection.services.realtime_writer import writing_records
from detection.services.segments_in_flight import Scored, SegmentsInFlight
from detection.services.warm_model import CurrentModel, Model
from zhenwen.jobs.queues import redis_connection
from zhenwen.jobs.taking import SIGN_SECONDS, Taker
from zhenwen.observability.metrics import REALTIME_CALLS_TOTAL, SEGMENTS_SCORED_TOTAL, STAGE_SECONDS

logger = structlog.get_logger(__name__)

# Taken and not yet answered: as many as are answered in half a second, between these. The rest waits in the
# inbox, where it is seen at the door, can expire, or go to another worker.
CALLS_IN_HAND = (16, 512)
SECONDS_IN_HAND = 0.5
# Prepared before the first of them is scored.
CALLS_AT_ONCE = 8
RECONNECT_SECONDS = 1.0
# Between two looks of a standby whether it is needed.
STANDBY_SECONDS = 0.5
# For so long after it was needed a standby also writes records.
STANDBY_WRITES_SECONDS = 10.0


class RealtimeWorker:
    def __init__(self, current_model: CurrentModel, *, is_standby: bool = False) -> None:
        self._current_model = current_model
        self._taker = Taker(INBOX, is_standby=is_standby)
        self._in_flight = SegmentsInFlight()
        self._finished: SimpleQueue[Scored | Work | None] = SimpleQueue()
        self._took_at = -STANDBY_WRITES_SECONDS
        self._come_singly = True
        # What follows is guarded by this.
        self._changed = threading.Condition()
        self._in_hand = 0
        self._speed = Speed()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Answer calls as long as this lasts, and those in hand at the end."""
        done, ended = threading.Event(), threading.Event()
        concluding = threading.Thread(target=self._conclude_until_told, name="answers", daemon=True)
        taking = threading.Thread(target=self._take_until, args=(done,), name="calls", daemon=True)
        signing = threading.Thread(target=self._sign_until, args=(ended,), name="signs", daemon=True)
        with ExitStack() as stack:
            stack.enter_context(writing_records(self._writes))
            for thread in (signing, concluding, taking):
                thread.start()
            try:
                yield
            finally:
                done.set()
                taking.join()
                with self._changed:
                    self._changed.wait_for(lambda: not self._in_hand, timeout=60)
                self._finished.put(None)
                concluding.join()
                ended.set()
                signing.join()

    def _writes(self) -> bool:
        return not self._taker.is_standby or time.monotonic() - self._took_at < STANDBY_WRITES_SECONDS

    # Saying that there is a worker.

    def _sign_until(self, ended: threading.Event) -> None:
        client = redis_connection(patience_seconds=5)
        while not ended.is_set():
            if self._current_model() is not None:
                with suppress(RedisError):
                    self._taker.sign(client)
            ended.wait(SIGN_SECONDS)
        with suppress(RedisError):
            self._taker.leave(client)

    # The first thread: calls from the inbox to the model.

    def _take_until(self, done: threading.Event) -> None:
        client = redis_connection(patience_seconds=5)
        while not done.is_set():
            model = self._current_model()
            if model is None:
                done.wait(0.1)
                continue
            try:
                taken = self.take(model, wait_seconds=0.5, client=client)
                if not taken and self._taker.is_standby:
                    done.wait(STANDBY_SECONDS)
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
        ahead = self._look(model, wait_seconds, client) if self._come_singly else None
        if ahead is None:
            taken = self._taker.take(at_most=room, client=client)
        else:
            taken, values = self._taker.take_and_read(ahead.names, at_most=room, client=client)
            ahead.complete(values)
        self._come_singly = len(taken) < 2
        if taken:
            self._took_at = time.monotonic()
        calls = [admitted_call(item) for item in taken]
        self._drop([call for call in calls if call.call.is_over], client)
        self._begin([call for call in calls if not call.call.is_over], model, ahead)
        return len(taken)

    def _look(self, model: Model, wait_seconds: float, client: Redis[bytes]) -> WorkAhead | None:
        message = self._taker.look(wait_seconds=wait_seconds, client=client)
        try:
            return None if message is None else WorkAhead(admitted_call(message), model)
        except Exception:  # told once it is taken
            return None

    def _room(self) -> int:
        least, most = CALLS_IN_HAND
        return min(most, max(least, int(self._speed.calls_a_second * SECONDS_IN_HAND))) - self._in_hand

    def _drop(self, calls: Sequence[AdmittedCall], client: Redis[bytes]) -> None:
        """Nobody waits for these any more."""
        self._taker.release([call.call.call_id for call in calls], client=client)
        for call in calls:
            REALTIME_CALLS_TOTAL.labels("expired").inc()
            let_go(organization_id=call.organization_id, call_ids=[call.call.call_id], client=client)

    def _begin(self, calls: Sequence[AdmittedCall], model: Model, ahead: WorkAhead | None) -> None:
        if not calls:
            return
        works = []
        with self._changed:
            self._in_hand += len(calls)
            self._speed.begin()
        for call in calls:
            STAGE_SECONDS.labels("wait").observe(max(0.0, time.time() - call.call.asked_at))
            if ahead is not None and ahead.is_of(call):
                works.append(ahead.work)
                continue
            try:
                works.append(prepared_work(call, model))
            except Exception as error:
                logger.error("call not prepared", detection_id=call.call.call_id, error=type(error).__name__)
                self._end([Answer.none_for(call)])
        look_up([work for work in works if ahead is None or work is not ahead.work], model)
        for work in works:
            missing, is_complete = self._in_flight.join(work)
            if is_complete:
                self._finished.put(work)
            if missing:
                self._ask_model(work, missing)

    def _ask_model(self, work: Work, segments: Sequence[SegmentInput]) -> None:
        call = work.admitted.call
        try:
            future = work.model.scorer.submit(
                segments,
                tenant=work.admitted.organization_id,
                expires_at=time.monotonic() + call.deadline_at - time.time(),
            )
        except Exception as error:
            future = Future[list[SegmentScore]]()
            future.set_exception(error)
        future.add_done_callback(lambda scored: self._land(Scored(work.model, segments, scored)))

    # The second thread: from scores to answers.

    def _land(self, scored: Scored) -> None:
        """On a thread of the engine, which has nothing else to do if the call is alone."""
        if self._in_hand > 1:
            self._finished.put(scored)
            return
        try:
            self._conclude([scored])
        except Exception as error:
            _tell_lost(error)

    def _conclude_until_told(self) -> None:
        is_told = False
        while not is_told:
            try:
                is_told = not self.conclude(wait_seconds=None)
            except Exception as error:
                _tell_lost(error)

    def conclude(self, *, wait_seconds: float | None) -> bool:
        """Answer what has been scored. False when told to stop or when nothing came in `wait_seconds`."""
        items = self._all_finished(wait_seconds)
        self._conclude([item for item in items if item is not None])
        return bool(items) and None not in items

    def _conclude(self, items: Sequence[Scored | Work]) -> None:
        ready: list[Work] = []
        scores: list[tuple[str, str]] = []
        for item in items:
            if isinstance(item, Work):
                ready.append(item)
            else:
                ready.extend(self._in_flight.land(item))
                scores.extend(_written(item))
        self._end([concluded(work) for work in ready], scores)

    def _all_finished(self, wait_seconds: float | None) -> list[Scored | Work | None]:
        """What the model has finished with, all that is there."""
        items: list[Scored | Work | None] = []
        with suppress(Empty):
            items.append(self._finished.get(timeout=wait_seconds))
            while True:
                items.append(self._finished.get_nowait())
        return items

    def _end(self, answers: Sequence[Answer], scores: Sequence[tuple[str, str]] = ()) -> None:
        if not answers and not scores:
            return
        try:
            give_answers(answers, taker=self._taker, scores=scores)
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


def _tell_lost(error: Exception) -> None:
    """Whoever waits hands the text in. The error's message may quote one."""
    logger.error("answers lost", error_type=type(error).__name__)


def _written(scored: Scored) -> list[tuple[str, str]]:
    """What Valkey is to remember of it."""
    if scored.future.exception() is not None:
        return []
    scorer = scored.model.scorer
    SEGMENTS_SCORED_TOTAL.labels(scorer.model_name).inc(len(scored.segments))
    return written_scores(
        model_digest=scorer.model_digest, segments=scored.segments, scores=scored.future.result()
    )
