"""Which workers live: each says so every few seconds, and who falls silent is gone."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from redis import RedisError

from zhenwen.jobs.queues import redis_connection, shared_connection

SAY_SECONDS = 4
SILENT_SECONDS = 15


@contextmanager
def announced(queue: str) -> Iterator[None]:
    """While this lasts, the process counts as a worker of the queue."""
    done = threading.Event()
    # The name is taken here: a forked child has another process id.
    name = f"{socket.gethostname()}:{os.getpid()}"
    thread = threading.Thread(target=_say_until, args=(queue, name, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=1)


def live_worker_count(queue: str) -> int:
    """Workers heard of lately; none when the queue server is away."""
    try:
        return int(shared_connection().zcount(_key(queue), time.time() - SILENT_SECONDS, "+inf"))
    except RedisError:
        return 0


def _say_until(queue: str, name: str, done: threading.Event) -> None:
    connection = redis_connection()
    while True:
        with suppress(RedisError):
            pipeline = connection.pipeline()
            pipeline.zadd(_key(queue), {name: time.time()})
            pipeline.zremrangebyscore(_key(queue), "-inf", time.time() - 10 * SILENT_SECONDS)
            pipeline.execute()
        if done.wait(SAY_SECONDS):
            break
    with suppress(RedisError):
        connection.zrem(_key(queue), name)


def _key(queue: str) -> str:
    return f"workers:{queue}"
