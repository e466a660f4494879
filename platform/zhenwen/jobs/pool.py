"""The threads of one warm worker."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from django.db import DatabaseError, close_old_connections, connections

logger = structlog.get_logger(__name__)

# Takes one piece of work from beginning to end; False when there was none to take.
TakeWork = Callable[[], bool]


class WorkPool:
    """Each wake-up sets one resting thread going; it goes on until nothing is left to take.

    The threads live as long as the pool, each with a database connection of its own.
    """

    def __init__(self, take: TakeWork, *, threads: int, is_ready: Callable[[], bool] = lambda: True) -> None:
        self._take = take
        self._is_ready = is_ready
        self._changed = threading.Condition()
        self._resting = threads
        self._wake_ups = 0
        self._stopping = False
        self._threads = [
            # Daemons, so that a second SIGTERM need not wait for them.
            threading.Thread(target=self._run, name=f"work-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def has_room(self, *, within_seconds: float) -> bool:
        """Whether a thread rests that no wake-up has gone to, and the work can be done; waits for it."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._resting > self._wake_ups and self._is_ready(), within_seconds
            )

    def wake(self) -> None:
        with self._changed:
            self._wake_ups += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Finish what has been begun, take nothing more; returns when every thread has ended."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while self._woken():
            while not self._stopping and self._took_something():
                pass
            with self._changed:
                self._resting += 1
                self._changed.notify_all()
        connections.close_all()

    def _woken(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._wake_ups or self._stopping)
            if self._stopping:
                return False
            self._wake_ups -= 1
            self._resting -= 1
            return True

    def _took_something(self) -> bool:
        close_old_connections()
        try:
            return self._take()
        except DatabaseError as error:
            logger.warning("database away, work left to the sweeper", error_type=type(error).__name__)
            connections.close_all()
            return False
        except Exception as error:
            # Only the kind of error: its message may quote a document.
            logger.error("work failed", error_type=type(error).__name__)
            return False
