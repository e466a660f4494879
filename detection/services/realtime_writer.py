"""Taking the records of answered calls from their stream into the database; see realtime_records."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog
from django.db import DatabaseError, close_old_connections, connections
from redis import Redis, RedisError, ResponseError

from detection.services.realtime_records import CallRecord, write_records
from detection.services.realtime_usage import let_go
from zhenwen.jobs.queues import redis_connection, shared_connection
from zhenwen.observability.metrics import STAGE_SECONDS

logger = structlog.get_logger(__name__)

STREAM = "realtime:records"
_GROUP = "writers"
RECORDS_AT_ONCE = 500
# Records gather for this long while others are coming in: an insert of twenty costs little more than of one.
GATHER_SECONDS = 0.5
# A record that a writer took so long ago and did not write is another's.
LEFT_BEHIND_SECONDS = 10
LOOK_FOR_LEFT_SECONDS = 5
RECONNECT_SECONDS = 1.0

Entries = Sequence[tuple[bytes, CallRecord]]


@contextmanager
def writing_records(is_wanted: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """As long as this lasts and is wanted, a thread writes what comes in; at the end, what is there still."""
    done = threading.Event()
    thread = threading.Thread(target=_write_until, args=(done, is_wanted), name="records", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def write_waiting_records() -> int:
    """One round without waiting; how many records were handled. Raises RedisError, DatabaseError."""
    client = shared_connection()
    _make_group(client)
    return _write(client, _new(client, wait_seconds=None))


def write_left_records() -> int:
    """What a writer that died left behind, for the sweeper. Raises RedisError, DatabaseError."""
    client = shared_connection()
    _make_group(client)
    return _write(client, _left_behind(client))


def unwritten_count() -> int:
    """Records of answers that stand in no table yet. Raises redis.RedisError."""
    return int(shared_connection().xlen(STREAM))


def _write_until(done: threading.Event, is_wanted: Callable[[], bool]) -> None:
    writer = _Writer()
    while True:
        is_last = done.is_set()
        if not is_last and not is_wanted():
            done.wait(GATHER_SECONDS)
            continue
        written = writer.round(wait_seconds=None if is_last else 1.0)
        if is_last and not written:
            break
        done.wait(GATHER_SECONDS if written is not None else RECONNECT_SECONDS)
    connections.close_all()


class _Writer:
    def __init__(self) -> None:
        self._client = redis_connection(patience_seconds=5)
        self._has_group = False
        self._looked_at = 0.0

    def round(self, *, wait_seconds: float | None) -> int | None:
        """How many records were handled; None when one of the servers was away."""
        close_old_connections()
        try:
            if not self._has_group:
                _make_group(self._client)
                self._has_group = True
            written = _write(self._client, _new(self._client, wait_seconds=wait_seconds))
            if time.monotonic() - self._looked_at > LOOK_FOR_LEFT_SECONDS:
                self._looked_at = time.monotonic()
                written += _write(self._client, _left_behind(self._client))
        except (RedisError, DatabaseError) as error:
            logger.warning("records not written yet", error_type=type(error).__name__)
            # The server may have forgotten the group with everything else.
            self._has_group = not isinstance(error, ResponseError)
            connections.close_all()
            return None
        return written


def _make_group(client: Redis[bytes]) -> None:
    try:
        client.xgroup_create(STREAM, _GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


def _new(client: Redis[bytes], *, wait_seconds: float | None) -> Entries:
    found = client.xreadgroup(
        _GROUP,
        _consumer(),
        {STREAM: ">"},
        count=RECORDS_AT_ONCE,
        block=None if wait_seconds is None else int(wait_seconds * 1000),
    )
    return _decoded(found[0][1]) if found else []


def _left_behind(client: Redis[bytes]) -> Entries:
    _next, entries, *_ = client.xautoclaim(
        STREAM,
        _GROUP,
        _consumer(),
        min_idle_time=LEFT_BEHIND_SECONDS * 1000,
        start_id="0",
        count=RECORDS_AT_ONCE,
    )
    return _decoded(entries)


def _decoded(entries: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> Entries:
    return [(entry_id, CallRecord.decoded(fields[b"record"])) for entry_id, fields in entries if fields]


def _write(client: Redis[bytes], entries: Entries) -> int:
    if not entries:
        return 0
    with STAGE_SECONDS.labels("store").time():
        write_records([record for _, record in entries])
    entry_ids = [entry_id for entry_id, _ in entries]
    held: defaultdict[int, list[str]] = defaultdict(list)
    for _, record in entries:
        held[record.organization_id].append(record.detection_id)
    pipeline = client.pipeline()
    pipeline.xack(STREAM, _GROUP, *entry_ids).xdel(STREAM, *entry_ids)
    for organization_id, call_ids in held.items():
        let_go(organization_id=organization_id, call_ids=call_ids, client=pipeline)
    pipeline.execute()
    return len(entries)


def _consumer() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
