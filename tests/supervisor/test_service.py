"""What dies is started again; what is stopped is gone, with everything it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zhenwen.supervisor.processes import is_alive, session_members
from zhenwen.supervisor.service import LOG_SIZE_BYTES, Service, ServiceSpec, describe_exit, rotate, tail

SLEEPS = "import time; print('up', flush=True); time.sleep(60)"
WITH_CHILD = (
    "import subprocess, sys, time; subprocess.Popen(['sleep', '60']); print('up', flush=True); time.sleep(60)"
)
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
FAILS = "raise SystemExit(3)"

pytestmark = pytest.mark.servers


@pytest.fixture
def service_running(tmp_path: Path) -> Iterator[Callable[[str], Service]]:
    made: list[Service] = []

    def make(program: str) -> Service:
        log = tmp_path / f"{len(made)}.log"
        spec = ServiceSpec(
            name="sample",
            argv=[sys.executable, "-c", program],
            environment={},
            log=log,
            cwd=tmp_path,
            stop_seconds=1,
        )
        service = Service(spec)
        made.append(service)
        service.start()
        return service

    yield make
    for service in made:
        service.ask_to_stop()
        service.finish(timeout_seconds=0.1)


def wait_for(condition: Callable[[], bool], *, timeout_seconds: float = 10) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def has_started(service: Service) -> bool:
    return "up" in tail(service.spec.log)


def tend_until_restarted(service: Service) -> list[str]:
    events: list[str] = []

    def restarted() -> bool:
        event = service.tend(time.monotonic())
        if event:
            events.append(event)
        return service.restarts > 0

    wait_for(restarted)
    return events


def test_a_killed_service_is_started_again(service_running: Callable[[str], Service]) -> None:
    service = service_running(SLEEPS)
    first = service.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: not service.running)
    events = tend_until_restarted(service)
    assert service.running
    assert service.pid != first
    assert "SIGKILL" in events[0]


def test_children_of_a_killed_service_go_with_it(service_running: Callable[[str], Service]) -> None:
    service = service_running(WITH_CHILD)
    wait_for(lambda: has_started(service))
    assert service.pid is not None
    children = [pid for pid in session_members(service.pid) if pid != service.pid]
    assert children
    os.kill(service.pid, signal.SIGKILL)
    wait_for(lambda: not service.running)
    service.tend(time.monotonic())
    wait_for(lambda: not any(is_alive(pid) for pid in children))


def test_a_service_that_keeps_failing_is_tried_ever_less_often(
    service_running: Callable[[str], Service],
) -> None:
    service = service_running(FAILS)
    waits = []
    now = time.monotonic()
    for _ in range(4):
        wait_for(lambda: not service.running)
        service.tend(now)
        assert service.restart_at is not None
        waits.append(service.restart_at - now)
        now = service.restart_at
        service.tend(now)
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]


def test_a_service_that_does_not_listen_is_ended_by_force(service_running: Callable[[str], Service]) -> None:
    service = service_running(DEAF)
    wait_for(lambda: has_started(service))
    pid = service.pid
    assert pid is not None
    service.ask_to_stop()
    service.finish(timeout_seconds=0.3)
    assert not is_alive(pid)


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the kernel's parent-death signal is Linux's"
)
def test_services_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    program = f"""
import sys, time
from pathlib import Path
from zhenwen.supervisor.service import Service, ServiceSpec
here = Path({str(tmp_path)!r})
argv = [sys.executable, "-c", {SLEEPS!r}]
service = Service(ServiceSpec(name="s", argv=argv, environment={{}}, log=here / "s.log", cwd=here))
service.start()
print(service.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        wait_for(lambda: "up" in tail(tmp_path / "s.log"))
        supervisor.kill()
    wait_for(lambda: not is_alive(pid))


def test_a_log_that_has_grown_is_set_aside_and_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    with log.open("ab") as stream:
        stream.write(b"a" * LOG_SIZE_BYTES)
        stream.flush()
        rotate(log)
        stream.write(b"after\n")
        stream.flush()
        assert log.read_bytes() == b"after\n"
    assert (tmp_path / "web.log.1").stat().st_size == LOG_SIZE_BYTES


def test_old_logs_are_dropped(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    for _ in range(5):
        log.write_bytes(b"a" * LOG_SIZE_BYTES)
        rotate(log)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "web.log",
        "web.log.1",
        "web.log.2",
        "web.log.3",
    ]


@pytest.mark.parametrize(("code", "words"), [(0, "exit status 0"), (3, "exit status 3"), (-9, "SIGKILL")])
def test_an_end_is_told_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words
