"""The embedded PostgreSQL and Valkey keep what they were given, through kills and half-finished starts."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from zhenwen.supervisor.network import free_port
from zhenwen.supervisor.postgres import EmbeddedPostgres
from zhenwen.supervisor.service import Service, ServiceSpec
from zhenwen.supervisor.unprivileged import server_user
from zhenwen.supervisor.valkey import EmbeddedValkey

pytestmark = pytest.mark.servers


@pytest.fixture
def folder() -> Iterator[Path]:
    """Which another user can reach, as PostgreSQL does not run as root."""
    with tempfile.TemporaryDirectory(prefix="zhenwen-stores-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def run() -> Iterator[Callable[[ServiceSpec], Service]]:
    made: list[Service] = []

    def start(spec: ServiceSpec) -> Service:
        service = Service(spec)
        made.append(service)
        service.start()
        return service

    yield start
    for service in made:
        service.ask_to_stop()
        service.finish(timeout_seconds=15)


def a_postgres(folder: Path, *, password: str = "first", durable: bool = False) -> EmbeddedPostgres:
    return EmbeddedPostgres(
        folder=folder / "postgres",
        port=free_port(),
        password=password,
        log=folder / "postgres.log",
        user=server_user(),
        durable=durable,
    )


def a_valkey(folder: Path) -> EmbeddedValkey:
    (folder / "valkey").mkdir(exist_ok=True)
    return EmbeddedValkey(
        folder=folder / "valkey", port=free_port(), password="secret", log=folder / "valkey.log"
    )


def kill_and_tend(service: Service) -> None:
    assert service.pid is not None
    os.kill(service.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while service.restarts == 0:
        service.tend(time.monotonic())
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_postgres_survives_a_kill(folder: Path, run: Callable[[ServiceSpec], Service]) -> None:
    server = a_postgres(folder, durable=True)
    server.prepare(new_password=True)
    service = run(server.spec())
    server.wait_ready()
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    kill_and_tend(service)
    server.wait_ready()
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_the_owner_is_no_superuser_and_may_make_the_runtime_role(
    folder: Path, run: Callable[[ServiceSpec], Service]
) -> None:
    server = a_postgres(folder)
    server.prepare(new_password=True)
    run(server.spec())
    server.wait_ready()
    with psycopg.connect(server.url) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row == (False, False, True)


def test_a_creation_cut_short_is_done_again(folder: Path, run: Callable[[ServiceSpec], Service]) -> None:
    half = folder / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    (folder / "postgres").mkdir()
    server = a_postgres(folder)
    server.prepare(new_password=True)
    run(server.spec())
    server.wait_ready()
    assert not half.exists()


def test_a_lost_password_file_does_not_lock_the_data_away(
    folder: Path, run: Callable[[ServiceSpec], Service]
) -> None:
    a_postgres(folder).prepare(new_password=True)
    again = a_postgres(folder, password="second")
    again.prepare(new_password=True)
    run(again.spec())
    again.wait_ready()


def test_a_server_left_running_is_stopped_before_a_new_one(
    folder: Path, run: Callable[[ServiceSpec], Service]
) -> None:
    first = a_postgres(folder)
    first.prepare(new_password=True)
    left = run(first.spec())
    first.wait_ready()
    second = a_postgres(folder)
    second.prepare(new_password=False)
    assert not left.running
    run(second.spec())
    second.wait_ready()


def test_a_stale_pid_file_naming_another_process_does_not_stop_the_start(
    folder: Path, run: Callable[[ServiceSpec], Service]
) -> None:
    server = a_postgres(folder)
    server.prepare(new_password=True)
    (folder / "postgres").resolve().joinpath("postmaster.pid").write_text(f"{os.getpid()}\n")
    server.prepare(new_password=False)
    run(server.spec())
    server.wait_ready()


def test_valkey_survives_a_kill(folder: Path, run: Callable[[ServiceSpec], Service]) -> None:
    server = a_valkey(folder)
    service = run(server.spec())
    server.wait_ready()
    with redis.Redis.from_url(server.url) as client:
        client.set("kept", "42")
        time.sleep(1.2)  # its file is written once a second
    kill_and_tend(service)
    server.wait_ready()
    with redis.Redis.from_url(server.url) as client:
        assert client.get("kept") == b"42"


def test_an_unreadable_valkey_file_is_set_aside(folder: Path, run: Callable[[ServiceSpec], Service]) -> None:
    server = a_valkey(folder)
    service = run(server.spec())
    server.wait_ready()
    with redis.Redis.from_url(server.url) as client:
        client.set("lost", "42")
    service.ask_to_stop()
    service.finish(timeout_seconds=10)
    for path in (server.folder / "appendonlydir").glob("*.incr.aof"):
        path.write_bytes(b"*3\r\n$3\r\nSET\r\nnonsense" * 50)
    broken = run(server.spec())
    deadline = time.monotonic() + 30
    while broken.restarts == 0:
        broken.tend(time.monotonic())
        assert time.monotonic() < deadline
        time.sleep(0.05)
    server.wait_ready()
    assert list(server.folder.glob("appendonlydir.broken-*"))


def test_the_password_is_on_no_command_line(folder: Path) -> None:
    spec = a_valkey(folder).spec()
    assert not [part for part in spec.argv if "secret" in str(part)]
    assert (folder / "valkey" / "valkey.conf").stat().st_mode & 0o077 == 0
