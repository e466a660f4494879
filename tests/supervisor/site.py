"""A whole site as script/server runs it, in a folder of its own, for tests that kill parts of it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.supervisor.papers import multipart
from zhenwen.supervisor.network import free_port

STARTS_WITHIN_SECONDS = 120


@dataclass
class RunningSite:
    process: subprocess.Popen[bytes]
    output: Path
    port: int
    ready: dict[str, Any]

    def pid(self, name: str) -> int:
        records = json.loads((Path(self.ready["data_dir"]) / "run" / "processes.json").read_text())
        return next(int(record["pid"]) for record in records if record["name"] == name)

    def kill(self, name: str) -> None:
        os.kill(self.pid(name), signal.SIGKILL)

    def call(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Status and JSON of one API call with the demo key; status 0 while nothing answers."""
        data = None if body is None else json.dumps(body).encode()
        return self._send(path, data, "application/json")

    def upload(self, path: str, filename: str, content: bytes) -> tuple[int, dict[str, Any]]:
        body, content_type = multipart(filename, content)
        return self._send(path, body, content_type)

    def _send(self, path: str, data: bytes | None, content_type: str) -> tuple[int, dict[str, Any]]:
        key = self.ready["demo"]["api_key"]
        headers = {"Authorization": f"Bearer {key}", "Content-Type": content_type}
        request = urllib.request.Request(f"{self.ready['address']}{path}", data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError):  # cut off in the middle by a kill
            return 0, {}

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


def wait_until(condition: Callable[[], bool], *, timeout_seconds: float, what: str) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.1)


def site_free_environment() -> dict[str, str]:
    """Without what the tests set for a site of their own."""
    theirs = ("DATABASE_URL", "REDIS_URL", "DJANGO_SECRET_KEY", "API_KEY_PEPPERS", "PYTEST_XDIST_WORKER")
    return {name: value for name, value in os.environ.items() if name not in theirs}


def start_process(folder: Path, *, port: int, output: IO[bytes]) -> subprocess.Popen[bytes]:
    """The environment is that of the tests already, so nothing is installed."""
    environment = site_free_environment() | {"ZHENWEN_ENVIRONMENT_READY": "1"}
    command = [sys.executable, "-m", "zhenwen.supervisor", "--port", str(port)]
    command += ["--data-dir", str(folder / "var"), "--once-ready-file", str(folder / "ready.json")]
    return subprocess.Popen(command, stdout=output, stderr=output, env=environment, start_new_session=True)


@contextmanager
def running_site(folder: Path, *, port: int | None = None) -> Iterator[RunningSite]:
    """Started, ready, and stopped at the end whatever the test did to it."""
    chosen = port or free_port()
    ready_file, output = folder / "ready.json", folder / "output.txt"
    ready_file.unlink(missing_ok=True)
    with output.open("wb") as stream:
        process = start_process(folder, port=chosen, output=stream)
    try:
        wait_until(
            lambda: ready_file.exists() or process.poll() is not None,
            timeout_seconds=STARTS_WITHIN_SECONDS,
            what="the start",
        )
        assert ready_file.exists(), output.read_text()
        yield RunningSite(process, output, chosen, json.loads(ready_file.read_text()))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
