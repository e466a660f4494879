"""The load generator: many connections on one thread of one process, HTTP/1.1 with keep-alive, plain sockets.

Closed loop: each client sends its next request when it has its answer. Open loop: requests are due at a
constant rate (or at random, with that mean), whether or not earlier ones are answered; the time of each
counts from the moment it was due, so that a server that stalls cannot hide it (no coordinated omission).

`python -m benchmarks.load` reads a Plan as JSON on standard input and writes a Result as JSON; `run` calls it
so, because a load generator must not share its interpreter with whoever waits for it.
"""

from __future__ import annotations

import json
import os
import random
import select
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.measures import percentile
from benchmarks.places import ROOT, python_path

UNANSWERED = 0
CUT_OFF = -1
_RECEIVE_BYTES = 262_144


@dataclass(frozen=True)
class Plan:
    """Either `clients` in a closed loop, or `rate_per_second` over at most that many connections."""

    port: int
    path: str
    bodies: Sequence[str]
    headers: Mapping[str, str] = field(default_factory=dict)
    clients: int = 1
    requests: int = 0  # 0: one for each body
    seconds: float = 60.0  # after which no more are sent
    rate_per_second: float = 0.0
    at_random: bool = False  # open loop: exponential gaps instead of equal ones
    patience_seconds: float = 60.0  # for the last answers
    stop_file: str = ""  # closed loop: no more are sent once it exists
    host: str = "127.0.0.1"

    @property
    def count(self) -> int:
        return self.requests or len(self.bodies)


@dataclass(frozen=True)
class Result:
    """Times in milliseconds; `log` has (due or sent after seconds, milliseconds, status) of each request."""

    elapsed_seconds: float
    log: Sequence[tuple[float, float, int]]
    generator_cores: float  # processor time of the generator ÷ elapsed time

    @property
    def statuses(self) -> dict[int, int]:
        return dict(Counter(status for _, _, status in self.log))

    @property
    def answered(self) -> int:
        return sum(1 for _, _, status in self.log if status == 200)

    @property
    def failed(self) -> int:
        return len(self.log) - self.answered

    @property
    def per_second(self) -> float:
        return self.answered / self.elapsed_seconds

    @property
    def milliseconds(self) -> list[float]:
        return [milliseconds for _, milliseconds, status in self.log if status == 200]

    @property
    def median_ms(self) -> float:
        return median(self.milliseconds)

    @property
    def p99_ms(self) -> float:
        return percentile(self.milliseconds, 0.99)


def failures(results: Sequence[Result]) -> str:
    """For a person: how many calls of some runs failed, and with which statuses."""
    statuses = Counter(status for result in results for _, _, status in result.log if status != 200)
    words = ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))
    return f"{statuses.total()} failed" + (f" ({words})" if words else "")


class LoadFailed(RuntimeError):
    """The generator itself could not do its work."""


def run(plan: Plan) -> Result:
    """Raises LoadFailed when the generator ended badly; a server's failures are in the result."""
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(plan)),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": python_path()},
        timeout=plan.seconds + plan.patience_seconds + 60,
        check=False,
    )
    if finished.returncode != 0:
        raise LoadFailed(finished.stderr[-2000:])
    content = json.loads(finished.stdout)
    log = [(due, milliseconds, status) for due, milliseconds, status in content.pop("log")]
    return Result(log=log, **content)


@dataclass
class _Client:
    """One connection, with the request it waits for."""

    socket: socket.socket
    since: float = 0.0  # when the request was due
    waits: bool = False
    received: bytes = b""


class Generator:
    """Drives one plan. `due` are the moments of an open loop; a closed loop has none."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.requests = [_request(plan, body) for body in plan.bodies]
        self.poll = select.epoll()
        self.clients: dict[int, _Client] = {}
        self.idle: list[_Client] = []
        self.overdue: deque[float] = deque()
        self.log: list[tuple[float, float, int]] = []
        self.sent = 0
        self.began = 0.0

    def drive(self) -> Result:
        for _ in range(self.plan.clients):
            self.idle.append(self._connected())
        cpu_began, self.began = time.process_time(), time.perf_counter()
        if self.plan.rate_per_second:
            self._open_loop(_schedule(self.plan))
        else:
            self._closed_loop()
        ended = max([due + ms / 1000 for due, ms, _ in self.log], default=0.0)
        cpu_seconds = time.process_time() - cpu_began
        for client in self.clients.values():
            client.socket.close()
        self.poll.close()
        return Result(max(ended, 1e-9), self.log, cpu_seconds / max(ended, 1e-9))

    def _closed_loop(self) -> None:
        last_send = self.began + self.plan.seconds
        while True:
            now = time.perf_counter()
            if self.plan.stop_file and Path(self.plan.stop_file).exists():
                last_send = min(last_send, now)
            while self.idle and self.sent < self.plan.count and now < last_send:
                self._send(self.idle.pop(), now)
            if not self._waiting() or now > last_send + self.plan.patience_seconds:
                break
            self._receive(1.0)
        self._give_up()

    def _open_loop(self, schedule: Sequence[float]) -> None:
        upcoming = deque(self.began + seconds for seconds in schedule)
        last = upcoming[-1] if upcoming else self.began
        while True:
            now = time.perf_counter()
            while upcoming and upcoming[0] <= now:
                self.overdue.append(upcoming.popleft())
            while self.overdue and self.idle:
                self._send(self.idle.pop(), self.overdue.popleft())
            if not upcoming and not self.overdue and not self._waiting():
                break
            if now > last + self.plan.patience_seconds:
                break
            self._receive(max(0.0, upcoming[0] - time.perf_counter()) if upcoming else 1.0)
        self._give_up()

    def _waiting(self) -> bool:
        return len(self.idle) < len(self.clients)

    def _send(self, client: _Client, due: float) -> None:
        client.since, client.waits, client.received = due, True, b""
        request = self.requests[self.sent % len(self.requests)]
        self.sent += 1
        try:
            client.socket.sendall(request)
        except OSError:
            self._cut_off(client)

    def _receive(self, timeout_seconds: float) -> None:
        for descriptor, _event in self.poll.poll(timeout_seconds):
            client = self.clients[descriptor]
            try:
                data = client.socket.recv(_RECEIVE_BYTES)
            except OSError:
                data = b""
            if not data:
                self._cut_off(client)
                continue
            client.received += data
            status = _status_of_whole(client.received)
            if status is not None:
                self._note(client, status)
                self.idle.append(client)

    def _note(self, client: _Client, status: int) -> None:
        now = time.perf_counter()
        self.log.append((client.since - self.began, 1000 * (now - client.since), status))
        client.waits = False

    def _cut_off(self, client: _Client) -> None:
        """The server closed the connection; that is a failure only when an answer was due."""
        if client.waits:
            self._note(client, CUT_OFF)
        else:
            self.idle.remove(client)
        self.poll.unregister(client.socket)
        del self.clients[client.socket.fileno()]
        client.socket.close()
        try:
            self.idle.append(self._connected())
        except OSError as error:
            raise LoadFailed(f"the server at port {self.plan.port} is gone: {error}") from error

    def _give_up(self) -> None:
        for client in self.clients.values():
            if client.waits:
                self._note(client, UNANSWERED)
        self.log += [(due - self.began, 0.0, UNANSWERED) for due in self.overdue]

    def _connected(self) -> _Client:
        connection = socket.create_connection((self.plan.host, self.plan.port), timeout=30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = _Client(connection)
        self.clients[connection.fileno()] = client
        self.poll.register(connection, select.EPOLLIN)
        return client


def _schedule(plan: Plan) -> list[float]:
    """Seconds after the beginning at which requests are due."""
    if not plan.at_random:
        count = min(plan.count, int(plan.seconds * plan.rate_per_second))
        return [number / plan.rate_per_second for number in range(count)]
    chance = random.Random(plan.count)  # noqa: S311
    due = 0.0
    moments: list[float] = []
    while len(moments) < plan.count:
        due += chance.expovariate(plan.rate_per_second)
        if due > plan.seconds:
            break
        moments.append(due)
    return moments


def _request(plan: Plan, body: str) -> bytes:
    content = body.encode()
    headers = {
        "Host": f"{plan.host}:{plan.port}",
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        **plan.headers,
    }
    lines = [f"POST {plan.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content


def _status_of_whole(received: bytes) -> int | None:
    """The status of the answer once all of it is there. Raises LoadFailed for an answer without a length."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = received[:end].lower()
    at = head.find(b"content-length:")
    if at < 0:
        raise LoadFailed(f"an answer of unknown length: {head[:200]!r}")
    stop = head.find(b"\r\n", at)
    length = int(head[at + 15 : stop if stop > 0 else end])
    return int(received[9:12]) if len(received) >= end + 4 + length else None


def main() -> None:
    plan = Plan(**json.loads(sys.stdin.read()))
    result = Generator(plan).drive()
    json.dump(asdict(result), sys.stdout)


if __name__ == "__main__":
    main()
