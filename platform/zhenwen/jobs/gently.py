"""Work that must not slow down what the same process does at the same time."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

LOWEST_PRIORITY = 19


def gently(work: Callable[[], T]) -> T:
    """What `work` returns or raises, done by a thread of the lowest priority.

    Linux gives each thread a priority of its own; elsewhere the work is done as usual. Threads that `work`
    starts are as low, for good.
    """
    if not sys.platform.startswith("linux"):
        return work()
    outcome: Future[T] = Future()

    def run() -> None:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)
        try:
            outcome.set_result(work())
        except BaseException as error:  # raised where it is waited for
            outcome.set_exception(error)

    threading.Thread(target=run, name="gently", daemon=True).start()
    return outcome.result()
