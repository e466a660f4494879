"""What may be wrong before anything is started: each has its message, none a stack trace."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.supervisor.test_service import SLEEPS
from zhenwen.supervisor import environment, instance
from zhenwen.supervisor.console import StartError
from zhenwen.supervisor.external import require_postgres, require_redis, without_password
from zhenwen.supervisor.manage import site_environment
from zhenwen.supervisor.network import browser_address, require_free
from zhenwen.supervisor.places import Places, require_free_space
from zhenwen.supervisor.processes import is_alive
from zhenwen.supervisor.secret_file import MADE_HERE, ensure_secrets, read_secrets
from zhenwen.supervisor.service import Service, ServiceSpec


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(tmp_path / "var")
    places.create()
    return places


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_in_use_is_named_with_who_holds_it(taken_port: int) -> None:
    with pytest.raises(StartError, match=f"{taken_port}.*PID {os.getpid()}.*--port"):
        require_free("127.0.0.1", taken_port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(StartError, match=r"192\.0\.2\.1.*--host"):
        require_free("192.0.2.1", 8000)


def test_a_full_disk_says_how_much_is_needed(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(StartError, match="MB needed"):
        require_free_space(tmp_path / "not" / "yet" / "there", size_bytes=free + 2**30)


def test_a_data_folder_that_cannot_be_written_offers_another(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="--data-dir"):
        Places(tmp_path / "file" / "var").create()


def test_a_second_start_names_the_first(places: Places) -> None:
    with instance.claim(places) as lock:
        instance.announce(lock, "http://127.0.0.1:8000")
        with pytest.raises(StartError, match=f"PID {os.getpid()}, http://127.0.0.1:8000"):
            instance.claim(places)
    instance.claim(places).close()


def test_what_a_killed_supervisor_left_is_ended_by_the_next(places: Places) -> None:
    left = Service(
        ServiceSpec(
            name="web",
            argv=[sys.executable, "-c", SLEEPS],
            environment={},
            log=places.logs / "web.log",
            cwd=places.data_dir,
        )
    )
    left.start()
    instance.remember(places, [left])
    assert instance.end_leftovers(places) == ["web"]
    left.finish(timeout_seconds=5)
    assert instance.end_leftovers(places) == []


def test_a_stranger_with_a_recycled_number_is_left_alone(places: Places) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        (places.run / "processes.json").write_text(
            f'[{{"name": "web", "pid": {stranger.pid}, "birth": "1"}}]'
        )
        assert instance.end_leftovers(places) == []
        assert is_alive(stranger.pid)
        stranger.kill()


def test_a_management_command_without_a_site_says_so(places: Places) -> None:
    with pytest.raises(StartError, match="script/server"):
        site_environment(places)


def test_secrets_are_made_once_and_closed_to_others(places: Places) -> None:
    first, made = ensure_secrets(places.secrets)
    assert made == set(MADE_HERE)
    assert ensure_secrets(places.secrets) == (first, set())
    assert places.secrets.stat().st_mode & 0o777 == 0o600


def test_a_lost_secret_is_made_anew_and_the_others_kept(places: Places) -> None:
    first, _ = ensure_secrets(places.secrets)
    kept = [
        line for line in places.secrets.read_text().splitlines() if not line.startswith("POSTGRES_PASSWORD")
    ]
    places.secrets.write_text("\n".join(kept))
    second, made = ensure_secrets(places.secrets)
    assert made == {"POSTGRES_PASSWORD"}
    assert second["DJANGO_SECRET_KEY"] == first["DJANGO_SECRET_KEY"]
    assert read_secrets(places.secrets) == second


def test_requirements_are_the_same_whatever_their_comments(tmp_path: Path) -> None:
    (tmp_path / "base.txt").write_text("Django==5.2.19\n")
    (tmp_path / "dev.txt").write_text("-r base.txt\npytest\n")
    before = environment.requirement_digest(tmp_path / "dev.txt")
    (tmp_path / "dev.txt").write_text("# what tests need\n-r base.txt  # and this\npytest\n")
    assert environment.requirement_digest(tmp_path / "dev.txt") == before
    (tmp_path / "base.txt").write_text("Django==5.2.20\n")
    assert environment.requirement_digest(tmp_path / "dev.txt") != before


@pytest.mark.parametrize("url", ["mysql://localhost/zhenwen", "postgres://nobody@127.0.0.1:9/none"])
def test_a_database_that_cannot_serve_is_refused_in_words(url: str) -> None:
    with pytest.raises(StartError, match="DATABASE_URL"):
        require_postgres(url)


def test_a_redis_that_is_away_is_refused_in_words() -> None:
    with pytest.raises(StartError, match="REDIS_URL"):
        require_redis("redis://127.0.0.1:9/0")


def test_passwords_are_not_shown() -> None:
    assert (
        without_password("postgres://zhenwen:secret@db.example:5433/zhenwen")
        == "postgres://db.example:5433/zhenwen"
    )


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
    ],
)
def test_the_address_printed_can_be_opened(host: str, address: str) -> None:
    assert browser_address(host, 8000) == address


@pytest.mark.servers
def test_the_command_ends_with_a_message_not_a_stack_trace(tmp_path: Path, taken_port: int) -> None:
    command = [
        sys.executable,
        "-m",
        "zhenwen.supervisor",
        "--data-dir",
        str(tmp_path),
        "--port",
        str(taken_port),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert f"端口 {taken_port} 已被占用" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.servers
def test_an_impossible_port_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "zhenwen.supervisor", "--data-dir", str(tmp_path), "--port", "70000"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "1–65535" in result.stderr
    assert not list(tmp_path.iterdir())
