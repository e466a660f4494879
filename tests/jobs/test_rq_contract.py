"""What the workers rely on in RQ, so that another version of it cannot break them unseen."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import pytest
from redis import Redis
from rq.worker import BaseWorker

from tests.jobs.site import PATIENCE_SECONDS, QueueServer, wait_for
from zhenwen.jobs.pool import WorkPool
from zhenwen.jobs.queues import DOCUMENTS, redis_connection, waiting_count, wake
from zhenwen.jobs.workers import run_warm_worker

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("queue_server")]


def run_until(condition: Callable[[], bool], pool: WorkPool) -> None:
    """A warm worker in this thread, told to stop once the condition holds."""

    def stop() -> None:
        wait_for(condition, "the work")
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    stopper = threading.Thread(target=stop)
    stopper.start()
    try:
        run_warm_worker(queue=DOCUMENTS, pool=pool)
    finally:
        stopper.join()
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])


def left_behind(client: Redis[bytes]) -> set[bytes]:
    return {key for key in client.scan_iter("rq:*") if key.startswith((b"rq:job:", b"rq:queue:"))}


def test_a_message_wakes_a_thread_and_leaves_nothing_behind() -> None:
    taken: list[int] = []

    def take() -> bool:
        taken.append(1)
        return False

    for _ in range(5):
        wake(queue=DOCUMENTS)
    run_until(lambda: len(taken) == 5, WorkPool(take, threads=2))
    assert left_behind(redis_connection()) == set()


def test_while_no_thread_rests_messages_wait_for_another_worker() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def take() -> bool:
        begun.set()
        may_end.wait()
        return False

    for _ in range(3):
        wake(queue=DOCUMENTS)

    def two_wait() -> bool:
        waits = begun.is_set() and waiting_count(DOCUMENTS) == 2
        if waits:
            may_end.set()
        return waits

    run_until(two_wait, WorkPool(take, threads=1))


def test_while_no_model_serves_messages_wait() -> None:
    wake(queue=DOCUMENTS)
    asked = threading.Event()

    def is_ready() -> bool:
        asked.set()
        return False

    run_until(asked.is_set, WorkPool(lambda: False, threads=1, is_ready=is_ready))
    assert waiting_count(DOCUMENTS) == 1


def test_one_wake_up_is_enough_for_all_that_waits() -> None:
    waiting = list(range(10))
    wake(queue=DOCUMENTS)
    run_until(lambda: not waiting, WorkPool(lambda: bool(waiting and waiting.pop() + 1), threads=1))


def test_a_worker_without_a_queue_server_stops_though_what_its_signal_raised_was_swallowed(
    queue_server: QueueServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BaseWorker, "_shutdown", lambda self: None)
    again = threading.Timer(PATIENCE_SECONDS, os.kill, (os.getpid(), signal.SIGTERM))  # by force

    def is_waiting_and_alone() -> bool:
        client = redis_connection()
        is_waiting = [client.hget(key, "state") for key in client.scan_iter("rq:worker:*")] == [b"idle"]
        if is_waiting:
            queue_server.kill()
        return is_waiting

    again.start()
    try:
        run_until(is_waiting_and_alone, WorkPool(lambda: False, threads=1))
        assert again.is_alive()  # it was not needed
    finally:
        again.cancel()


def test_what_breaks_in_a_thread_does_not_end_it() -> None:
    fails = iter([True, False])
    done = threading.Event()

    def take() -> bool:
        if next(fails):
            raise RuntimeError
        done.set()
        return False

    for _ in range(2):
        wake(queue=DOCUMENTS)
    run_until(done.is_set, WorkPool(take, threads=1))
