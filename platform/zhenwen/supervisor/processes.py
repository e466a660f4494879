"""Find, watch and end processes by what the kernel says of them, never by name alone."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
_PR_SET_PDEATHSIG = 1


def dies_with_parent(signal_number: int) -> Callable[[], None] | None:
    """A preexec function: the kernel sends the signal to the child when its parent dies. Linux only."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:  # it died before prctl
            os._exit(1)

    return prepare


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the third (state) on; empty when there is no such process."""
    with suppress(OSError):
        return (
            (PROC / str(pid) / "stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()
        )
    return []


def birth(pid: int) -> str:
    """Tells a process from a later one with the same number; empty when there is none (or no /proc)."""
    fields = _stat(pid)
    return fields[19] if fields and fields[0] != "Z" else ""


def is_alive(pid: int) -> bool:
    fields = _stat(pid)
    if fields:
        return fields[0] != "Z"
    if PROC.is_dir():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def command_line(pid: int) -> str:
    with suppress(OSError):
        raw = (PROC / str(pid) / "cmdline").read_bytes()
        return raw.replace(b"\0", b" ").decode(errors="replace").strip()
    return ""


def all_pids() -> Iterator[int]:
    if PROC.is_dir():
        yield from (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def session_members(session: int) -> list[int]:
    """Everything a service started that did not open a session of its own."""
    members = []
    for pid in all_pids():
        fields = _stat(pid)
        if fields and fields[3] == str(session) and fields[0] != "Z":
            members.append(pid)
    return members


def working_in(folder: Path) -> list[int]:
    """Processes whose current folder it is; PostgreSQL's always is its cluster."""
    members = []
    for pid in all_pids():
        with suppress(OSError):
            if (PROC / str(pid) / "cwd").readlink() == folder:
                members.append(pid)
    return members


def kill_session(session: int) -> None:
    for pid in session_members(session):
        send(pid, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(session, signal.SIGKILL)


def send(pid: int, signal_number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal_number)


def wait_gone(pid: int, *, timeout_seconds: float) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while is_alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
