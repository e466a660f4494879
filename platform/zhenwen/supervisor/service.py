"""One supervised process: started, watched, restarted with back-off, stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zhenwen.supervisor.processes import birth, dies_with_parent, kill_session

LOG_SIZE_BYTES = 10 * 2**20
LOGS_KEPT = 3
BACKOFF_SECONDS = (0.5, 1, 2, 4, 8, 15, 30)
STEADY_SECONDS = 30  # who lived this long is restarted without waiting longer than the first time


@dataclass(frozen=True)
class UnixUser:
    """Whom a process runs as when the supervisor is root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class ServiceSpec:
    name: str
    argv: Sequence[str | Path]
    environment: Mapping[str, str]
    log: Path
    cwd: Path
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 20
    user: UnixUser | None = None
    before_restart: Callable[[], None] | None = None  # repairs what a crash may have left
    after_end: Callable[[int], None] | None = None  # told the PID that is no more


@dataclass
class Service:
    """A spec and the process that runs it now."""

    spec: ServiceSpec
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float | None = None
    failures: int = 0
    restarts: int = 0

    def start(self) -> None:
        user = self.spec.user
        with self.spec.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(part) for part in self.spec.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.spec.cwd,
                env=dict(self.spec.environment),
                start_new_session=True,  # Ctrl-C in the terminal must reach the supervisor alone
                preexec_fn=dies_with_parent(self.spec.stop_signal),
                user=user.uid if user else None,
                group=user.gid if user else None,
                extra_groups=[] if user else None,
            )
        self.started_at = time.monotonic()
        self.restart_at = None

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def tend(self, now: float) -> str | None:
        """Restart if dead and due; what happened, if anything, as a line for the log."""
        if self.running:
            return None
        if self.restart_at is None:
            return self._plan_restart(now)
        if now < self.restart_at:
            return None
        if self.spec.before_restart is not None:
            self.spec.before_restart()
        self.start()
        self.restarts += 1
        return f"{self.spec.name} restarted, PID {self.pid}"

    def _plan_restart(self, now: float) -> str:
        assert self.process is not None
        kill_session(self.process.pid)  # children that outlived their parent hold its ports
        if self.spec.after_end is not None:
            self.spec.after_end(self.process.pid)
        steady = now - self.started_at >= STEADY_SECONDS
        self.failures = 1 if steady else self.failures + 1
        wait_seconds = BACKOFF_SECONDS[min(self.failures, len(BACKOFF_SECONDS)) - 1]
        self.restart_at = now + wait_seconds
        end = describe_exit(self.process.returncode)
        return f"{self.spec.name} ended with {end}; restart in {wait_seconds:g} s"

    def ask_to_stop(self) -> None:
        if self.running:
            assert self.process is not None
            self.process.send_signal(self.spec.stop_signal)

    def finish(self, *, timeout_seconds: float) -> None:
        """Wait for the end that was asked for, then end it and its session by force."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout=max(0.0, timeout_seconds))
        except subprocess.TimeoutExpired:
            self.process.kill()
        kill_session(self.process.pid)
        self.process.wait()
        self.process = None

    def record(self) -> dict[str, str | int]:
        """What the next start needs to recognise a leftover of this one."""
        if self.process is None:
            return {}
        return {"name": self.spec.name, "pid": self.process.pid, "birth": birth(self.process.pid)}


def describe_exit(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def rotate(log: Path) -> None:
    """Copy and truncate, since the process keeps its descriptor open for appending."""
    try:
        if log.stat().st_size < LOG_SIZE_BYTES:
            return
    except FileNotFoundError:
        return
    for number in range(LOGS_KEPT - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    shutil.copyfile(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)


def tail(log: Path, *, lines: int = 5) -> str:
    """The last lines of a log, for a message."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 8192))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])
