"""Sending wake-ups. A message carries ids only; losing one is harmless, the database row is the truth."""

from __future__ import annotations

from django.conf import settings
from redis import Redis
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.job import Job
from rq.serializers import JSONSerializer

EXTRACT = "extract"
DOCUMENTS = "documents"
REALTIME = "realtime"
QUEUES = (EXTRACT, DOCUMENTS, REALTIME)

# A failed message is kept a while for an operator to look at; the row says what became of the work.
FAILED_MESSAGE_SECONDS = 3600


def redis_connection(*, patience_seconds: float = 60) -> Redis[bytes]:
    """A client whose commands may block this long; redis-py's own default gives up after five seconds."""
    return Redis.from_url(settings.REDIS_URL, socket_timeout=patience_seconds, socket_connect_timeout=3)


def queue_named(name: str, connection: Redis[bytes] | None = None) -> Queue:
    return Queue(name, connection=connection or redis_connection(), serializer=JSONSerializer)


def send(*, queue: str, task: str, message_id: str, arguments: list[str | int], timeout_seconds: int) -> bool:
    """Queue one call of `task`. False when a message with this id stands there already.

    Raises redis.RedisError when the server cannot be reached.
    """
    try:
        queue_named(queue, shared_connection()).enqueue_call(
            task,
            args=tuple(arguments),
            job_id=message_id,
            timeout=timeout_seconds,
            unique=True,
            result_ttl=0,
            failure_ttl=FAILED_MESSAGE_SECONDS,
        )
    except DuplicateJobError:
        return False
    return True


def forget_unless_waiting(*, queue: str, message_id: str) -> bool:
    """True when the message does not wait in its queue, lost or taken by a worker that died: send it anew."""
    connection = shared_connection()
    if connection.lpos(queue_named(queue, connection).key, message_id) is not None:
        return False
    connection.delete(Job.key_for(message_id))
    return True


_connection: Redis[bytes] | None = None


def shared_connection() -> Redis[bytes]:
    """This process's client; safe to use from several threads, and quick to notice a server that hangs."""
    global _connection
    if _connection is None:
        _connection = redis_connection(patience_seconds=5)
    return _connection


def waiting_count(queue: str) -> int:
    """Messages that no worker has taken yet. Raises redis.RedisError."""
    connection = shared_connection()
    return int(connection.llen(queue_named(queue, connection).key))
