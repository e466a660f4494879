"""Which workers live, and what each says of itself every few seconds; who falls silent is gone."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from redis import RedisError

from zhenwen.jobs.queues import redis_connection, shared_connection

SAY_SECONDS = 4
SILENT_SECONDS = 15


Describe = Callable[[], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class LiveWorker:
    name: str  # host:process id
    queue: str
    says: Mapping[str, str]


@contextmanager
def announced(queue: str, describe: Describe = dict) -> Iterator[None]:
    """While this lasts, the process counts as a worker of the queue, and `describe` is asked what it says."""
    done = threading.Event()
    # The name is taken here: a forked child has another process id.
    name = f"{socket.gethostname()}:{os.getpid()}"
    thread = threading.Thread(target=_say_until, args=(queue, name, describe, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=1)


def live_workers(queue: str) -> list[LiveWorker]:
    """By name; none when the queue server is away."""
    connection = shared_connection()
    try:
        heard = connection.zrangebyscore(_key(queue), time.time() - SILENT_SECONDS, "+inf")
        names = sorted(name.decode() for name in heard)
        said = connection.mget([_said_key(queue, name) for name in names]) if names else []
    except RedisError:
        return []
    return [
        LiveWorker(name, queue, json.loads(words) if words else {})
        for name, words in zip(names, said, strict=True)
    ]


def _say_until(queue: str, name: str, describe: Describe, done: threading.Event) -> None:
    connection = redis_connection()
    while True:
        with suppress(RedisError):
            pipeline = connection.pipeline()
            pipeline.zadd(_key(queue), {name: time.time()})
            pipeline.set(_said_key(queue, name), json.dumps(dict(describe())), ex=SILENT_SECONDS)
            pipeline.zremrangebyscore(_key(queue), "-inf", time.time() - 10 * SILENT_SECONDS)
            pipeline.execute()
        if done.wait(SAY_SECONDS):
            break
    with suppress(RedisError):
        connection.zrem(_key(queue), name)
        connection.delete(_said_key(queue, name))


def _key(queue: str) -> str:
    return f"workers:{queue}"


def _said_key(queue: str, name: str) -> str:
    return f"worker:{queue}:{name}"
