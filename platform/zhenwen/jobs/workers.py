"""The two kinds of worker: one that forks a limited child per job, one that stays warm.

Both outlive an outage of the queue server: they wait and connect again, with whatever they hold in memory.
To RQ a message is a job; here it only wakes, and what there is to do stands in the database.
"""

from __future__ import annotations

import resource
import signal
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import structlog
from django.db import connections
from redis import Redis, RedisError
from rq import Queue, Worker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker, WorkerStatus

from zhenwen.jobs.lasting import keep_for_good
from zhenwen.jobs.pool import WorkPool
from zhenwen.jobs.presence import Describe, announced
from zhenwen.jobs.queues import queue_named, redis_connection

logger = structlog.get_logger(__name__)

# Waits in the queue for less than this, so that a lost connection is noticed.
WORKER_TTL_SECONDS = 60
RECONNECT_SECONDS = (0.5, 1.0, 2.0, 5.0)
STEADY_SECONDS = 30.0

ROOM_SECONDS = 0.5

ChildKilled = Callable[[], None]


class _SteadyWorker(BaseWorker):
    """Remembers that it was told to stop, also when the queue server cannot be told."""

    max_connection_wait_time = 2.0
    told_to_stop: threading.Event

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self.told_to_stop.set()
        try:
            super().request_stop(signum, frame)  # type: ignore[no-untyped-call]
        except RedisError:
            logger.warning("stopping while the queue server is away")

    def heartbeat(self, *arguments: Any, **named: Any) -> None:
        # What a signal raises is lost where a library catches everything; RQ waits on then, and beats on.
        if self.told_to_stop.is_set() and self.get_state() != WorkerStatus.BUSY:
            raise StopRequested
        super().heartbeat(*arguments, **named)


class ForkingWorker(_SteadyWorker, Worker):
    """Runs each job in a child of its own whose memory, time and files are limited."""

    limits: Mapping[int, tuple[int, int]]

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        # A connection must not be shared between parent and child.
        connections.close_all()
        super().fork_work_horse(job, queue)

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        for kind, limit in self.limits.items():
            resource.setrlimit(kind, limit)
        super().main_work_horse(job, queue)


class WarmWorker(_SteadyWorker):
    """Keeps what was loaded once: a message wakes a thread of this process, and is done with.

    It takes none while no thread rests, so that another worker may have it.
    """

    pool: WorkPool

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        while not self.pool.has_room(within_seconds=ROOM_SECONDS):
            if time.monotonic() - self._said_at > WORKER_TTL_SECONDS / 2:
                self.heartbeat()
        return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)

    def heartbeat(self, *arguments: Any, **named: Any) -> None:
        self._said_at = time.monotonic()
        super().heartbeat(*arguments, **named)

    def execute_job(self, job: Job, queue: Queue) -> None:
        pipeline = self.connection.pipeline(transaction=False)
        pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
        pipeline.delete(job.key)
        pipeline.execute()
        self.pool.wake()


def run_forking_worker(
    *, queue: str, limits: Mapping[int, tuple[int, int]], on_child_killed: ChildKilled
) -> None:
    """Work until told to stop. `on_child_killed` is called when a child was killed."""

    def child_killed(_job: Job, *_exit: Any) -> None:
        on_child_killed()

    def make(connection: Redis[bytes]) -> _SteadyWorker:
        worker = ForkingWorker(
            [queue_named(queue, connection)],
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL_SECONDS,
            work_horse_killed_handler=child_killed,
        )
        worker.limits = limits
        return worker

    keep_for_good()
    with announced(queue):
        _work_until_told_to_stop(make)


def run_warm_worker(*, queue: str, pool: WorkPool, describe: Describe = dict) -> None:
    """Wake the pool until told to stop; SIGTERM and SIGINT finish what has been begun first."""

    def make(connection: Redis[bytes]) -> _SteadyWorker:
        worker = WarmWorker(
            [queue_named(queue, connection)],
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL_SECONDS,
        )
        worker.pool = pool
        return worker

    with announced(queue, describe):
        _work_until_told_to_stop(make)
        pool.close()


def _work_until_told_to_stop(make: Callable[[Redis[bytes]], _SteadyWorker]) -> None:
    told_to_stop = threading.Event()
    failures = 0
    while not told_to_stop.is_set():
        # While a worker works its own handlers are in place; between two workers these are.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: told_to_stop.set())
        began = time.monotonic()
        try:
            worker = make(redis_connection())
            worker.log_result_lifespan = False
            worker.told_to_stop = told_to_stop
            worker.work(logging_level="WARNING")
        except RedisError as error:
            logger.warning("queue server away", error_type=type(error).__name__)
        failures = 0 if time.monotonic() - began > STEADY_SECONDS else failures + 1
        told_to_stop.wait(RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS) - 1)])
