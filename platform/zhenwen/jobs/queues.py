"""Waking workers. A message says that there is work, never which: the rows of the database say that."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import hiredis
from django.conf import settings
from redis import Redis
from redis import TimeoutError as RedisTimeout
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from rq import Queue
from rq.serializers import JSONSerializer

EXTRACT = "extract"
DOCUMENTS = "documents"
REALTIME = "realtime"
QUEUES = (EXTRACT, DOCUMENTS, REALTIME)

# A failed message is kept a while for an operator to look at; the row says what became of the work.
FAILED_MESSAGE_SECONDS = 3600
# A worker that is awake goes on until nothing waits, so that a few messages wake them all.
WAKE_UPS_AT_MOST = 32

# To tell the server its version, redis-py reads package files, in each forked child anew.
_NAMELESS: dict[str, Any] = {"driver_info": None}

ASYNC_PATIENCE_SECONDS = 5


def redis_connection(*, patience_seconds: float = 60) -> Redis[bytes]:
    """A client whose commands may block this long; redis-py's own default gives up after five seconds."""
    return Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=patience_seconds,
        socket_connect_timeout=3,
        **_NAMELESS,
    )


class AsyncConnection(Protocol):
    """What we need of redis-py's client, whose type stubs are behind it."""

    async def execute_command(self, *words: str | bytes | float) -> Any: ...

    async def aclose(self) -> None: ...


def async_connection() -> AsyncConnection:
    """For one event loop, one command at a time, each for five seconds at most.

    Tries nothing twice: what was not answered may have been done.
    """
    return _Line(ConnectionPool.from_url(settings.REDIS_URL, retry=AsyncRetry(NoBackoff(), 0), **_NAMELESS))


class _Line:
    """A connection of redis-py's without its client, which takes longer over it than a command takes."""

    def __init__(self, pool: ConnectionPool[Any]) -> None:
        self._connection: Any = pool.make_connection()
        self._is_free = asyncio.Lock()

    async def execute_command(self, *words: Any) -> Any:
        async with self._is_free:
            try:
                async with asyncio.timeout(ASYNC_PATIENCE_SECONDS):
                    packed = [hiredis.pack_command(words)]
                    await self._connection.send_packed_command(packed, check_health=False)
                    return await self._connection.read_response()
            except TimeoutError as error:
                raise RedisTimeout from error

    async def aclose(self) -> None:
        await self._connection.disconnect()


def queue_named(name: str, connection: Redis[bytes] | None = None) -> Queue:
    return Queue(name, connection=connection or redis_connection(), serializer=JSONSerializer)


def send(*, queue: str, task: str, timeout_seconds: int) -> None:
    """Queue one call of `task`, which takes no arguments.

    Raises redis.RedisError when the server cannot be reached.
    """
    queue_named(queue, shared_connection()).enqueue_call(
        task, timeout=timeout_seconds, result_ttl=0, failure_ttl=FAILED_MESSAGE_SECONDS
    )


def wake(*, queue: str, messages_at_most: int | None = None) -> None:
    """Set one more thread of a warm worker going, unless enough messages wait for that already.

    Raises redis.RedisError when the server cannot be reached.
    """
    if messages_at_most is None or waiting_count(queue) < messages_at_most:
        send(queue=queue, task=WAKE_UP, timeout_seconds=1)


# Never called: a warm worker reads no more of the message than that it came.
WAKE_UP = "zhenwen.jobs.wake_up"

_connection: Redis[bytes] | None = None


def shared_connection() -> Redis[bytes]:
    """This process's client; safe to use from several threads, and quick to notice a server that hangs."""
    global _connection
    if _connection is None:
        _connection = redis_connection(patience_seconds=5)
    return _connection


def waiting_count(queue: str) -> int:
    """Messages that no worker has taken yet. Raises redis.RedisError."""
    return int(shared_connection().llen(Queue.redis_queue_namespace_prefix + queue))
