"""A peer's server while it is measured. It stands still while others are, so that it costs them nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Plan
from benchmarks.machine import cores
from benchmarks.peers.environments import PeerUnavailable, python_of
from benchmarks.places import LOGS, ROOT, python_path, say
from zhenwen.supervisor.network import free_port
from zhenwen.supervisor.processes import dies_with_parent, session_members

STARTS_WITHIN_SECONDS = 300
# No hub is asked for anything, and nobody is told that the server runs.
QUIET = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "DO_NOT_TRACK": "1"}


@dataclass(frozen=True)
class Peer:
    """A server in a session of its own."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    path: str

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def plan(self, bodies: Sequence[str], *, clients: int, seconds: float = 120.0, requests: int = 0) -> Plan:
        return Plan(
            port=self.port,
            path=self.path,
            bodies=bodies,
            clients=clients,
            requests=requests,
            seconds=seconds,
            patience_seconds=120,
        )

    def _signal(self, number: signal.Signals) -> None:
        for pid in session_members(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@contextmanager
def reference(model: Path, *, redis_url: str) -> Iterator[Peer]:
    """The reference's design, one process for each core."""
    port = free_port()
    command = ["-m", "uvicorn", "benchmarks.peers.fastapi_reference:app", "--port", str(port)]
    command += ["--workers", str(cores()), "--no-access-log", "--log-level", "warning"]
    environment = {
        "REFERENCE_MODEL": str(model),
        "REFERENCE_REDIS_URL": redis_url,
        "REFERENCE_LOG": str(LOGS / "reference-requests.log"),
        "OMP_NUM_THREADS": "1",
    }
    with _running("reference", "fastapi", command, port, "/detect", environment) as peer:
        yield peer


@contextmanager
def litserve(model: Path, *, dtype: str) -> Iterator[Peer]:
    port = free_port()
    command = [
        "-m",
        "benchmarks.peers.litserve_classifier",
        str(model),
        "--port",
        str(port),
        "--dtype",
        dtype,
    ]
    with _running(f"litserve-{dtype}", "litserve", command, port, "/predict", {}) as peer:
        yield peer


@contextmanager
def infinity(model: Path, *, dtype: str) -> Iterator[Peer]:
    port = free_port()
    command = ["-c", "from infinity_emb.cli import cli; cli()", "v2", "--model-id", str(model)]
    command += ["--served-model-name", "classifier", "--engine", "torch", "--device", "cpu"]
    command += ["--dtype", dtype, "--no-model-warmup", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--log-level", "warning"]
    with _running(f"infinity-{dtype}", "infinity", command, port, "/classify", {}) as peer:
        yield peer


@contextmanager
def _running(
    name: str, peer: str, arguments: Sequence[str], port: int, path: str, environment: Mapping[str, str]
) -> Iterator[Peer]:
    """Raises PeerUnavailable when it cannot be installed or does not answer."""
    python = python_of(peer)
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{name}.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [python, *arguments],
            cwd=ROOT,
            stdout=stream,
            stderr=stream,
            env={**os.environ, "PYTHONPATH": python_path(), **QUIET, **environment},
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGTERM),
        )
    running = Peer(name, process, port, path)
    try:
        _wait_for_answer(running, log)
        say(f"  {name} is ready, port {port}")
        yield running
    finally:
        running.resume()
        _end(process)


def _wait_for_answer(peer: Peer, log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if peer.process.poll() is not None:
            break
        if _is_healthy(peer.port):
            return
        time.sleep(0.3)
    words = log.read_text("utf-8", errors="replace").strip().splitlines()[-1:] or ["no answer"]
    raise PeerUnavailable(f"{peer.name} did not start: {words[0]}")


def _is_healthy(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as reply:
        return bool(reply.status == 200)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    members = session_members(process.pid)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=20)
    for pid in {*members, *session_members(process.pid)}:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
