"""One supervisor per data folder; what a killed one left behind is ended by the next."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from zhenwen.supervisor.console import StartError
from zhenwen.supervisor.places import Places
from zhenwen.supervisor.processes import birth, is_alive, kill_session, send, session_members, wait_gone
from zhenwen.supervisor.service import Service


def claim(places: Places) -> IO[str]:
    """Hold the returned file open while the site runs. Raises StartError when another supervisor does."""
    lock = (places.run / "supervisor.lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        who = lock.read().strip() or "?"
        lock.close()
        raise StartError(
            f"本数据目录的站点已在运行（{who}）；请先停止它，或用 --data-dir 和 --port 另起一个。",
            f"The site of this data folder is already running ({who}); stop it, or choose another "
            "--data-dir and --port.",
        ) from None
    return lock


def announce(lock: IO[str], address: str) -> None:
    """For the message that a second start prints."""
    lock.seek(0)
    lock.truncate()
    lock.write(f"PID {os.getpid()}, {address}")
    lock.flush()


def _records(places: Places) -> Path:
    return places.run / "processes.json"


def remember(places: Places, services: Iterable[Service]) -> None:
    partial = _records(places).with_suffix(".partial")
    partial.write_text(json.dumps([record for service in services if (record := service.record())]))
    partial.replace(_records(places))


def end_leftovers(places: Places) -> list[str]:
    """End what a supervisor that was killed could not; the names of what was ended."""
    try:
        records = json.loads(_records(places).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    ended = []
    for record in records:
        pid, born = int(record["pid"]), str(record["birth"])
        leader = is_alive(pid)
        if leader and (not born or birth(pid) != born):
            continue  # the number has since gone to another process
        if not leader and not session_members(pid):
            continue
        ended.append(str(record["name"]))
        if leader:
            send(pid, signal.SIGINT if record["name"] == "postgres" else signal.SIGTERM)
            wait_gone(pid, timeout_seconds=10)
        kill_session(pid)
    _records(places).unlink(missing_ok=True)
    return ended
