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

# Of priority. Where others want all of a core it still gets a quarter, so that it comes to an end.
STEPS_DOWN = 5


def gently(work: Callable[[], T]) -> T:
    """What `work` returns or raises, done by a thread of lower priority.

    Linux gives each thread a priority of its own; elsewhere the work is done as usual. Threads that `work`
    starts are as low, for good.
    """
    if not sys.platform.startswith("linux"):
        return work()
    outcome: Future[T] = Future()

    def run() -> None:
        with suppress(OSError):
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + STEPS_DOWN)
        try:
            outcome.set_result(work())
        except BaseException as error:  # raised where it is waited for
            outcome.set_exception(error)

    threading.Thread(target=run, name="gently", daemon=True).start()
    return outcome.result()
