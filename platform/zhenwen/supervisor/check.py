"""`script/test`: every test, against PostgreSQL and Valkey of its own that are thrown away afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from zhenwen.supervisor.console import StartError, complain, say
from zhenwen.supervisor.environment import DEV, ensure_environment
from zhenwen.supervisor.network import free_port
from zhenwen.supervisor.places import ROOT, VENV_PYTHON, unusable_folder
from zhenwen.supervisor.postgres import EmbeddedPostgres
from zhenwen.supervisor.service import Service, ServiceSpec
from zhenwen.supervisor.unprivileged import server_user
from zhenwen.supervisor.valkey import EmbeddedValkey

_INSTALLED = "ZHENWEN_ENVIRONMENT_READY"
PASSWORD = "tests-only"  # noqa: S105
PROCESSES = "2"
# Debian's; playwright's own browser would be another download.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_PACKAGES = ("chromium", "fonts-noto-cjk")


def main(arguments: list[str]) -> int:
    """Arguments are pytest's; without any, everything runs, on two processes."""
    try:
        if os.environ.pop(_INSTALLED, ""):
            return run_tests(arguments)
        with _timed("环境 environment"):
            ensure_environment([DEV])
        command = [str(VENV_PYTHON), "-m", "zhenwen.supervisor.check", *arguments]
        os.execve(VENV_PYTHON, command, {**os.environ, _INSTALLED: "1"})  # noqa: S606
    except StartError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        complain(unusable_folder(Path(error.filename or ROOT), error))
        return 1


def run_tests(arguments: Sequence[str]) -> int:
    if not arguments:
        with _timed("浏览器 browser"):
            _ensure_browser()
    signal.signal(signal.SIGTERM, _interrupt)
    with _throw_away_servers() as environment:
        chosen = list(arguments) or ["-n", PROCESSES, "--dist", "loadscope", "-rfEs", "--durations=10"]
        with subprocess.Popen([VENV_PYTHON, "-m", "pytest", *chosen], cwd=ROOT, env=environment) as pytest:
            try:
                return pytest.wait()
            except KeyboardInterrupt:  # pytest had it too, and now writes its summary
                pytest.send_signal(signal.SIGINT)
                pytest.wait()
                return 130


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _throw_away_servers() -> Iterator[dict[str, str]]:
    """The environment for the tests, as long as the servers run."""
    folder = Path(tempfile.mkdtemp(prefix="zhenwen-test-"))
    folder.chmod(0o755)
    services: list[Service] = []
    try:
        with _timed("数据库 servers"):
            valkey_folder = folder / "valkey"
            valkey_folder.mkdir()
            postgres = EmbeddedPostgres(
                folder=folder / "postgres",
                port=free_port(),
                password=PASSWORD,
                log=folder / "postgres.log",
                user=server_user(),
                durable=False,
            )
            valkey = EmbeddedValkey(
                folder=valkey_folder,
                port=free_port(),
                password=PASSWORD,
                log=folder / "valkey.log",
                durable=False,
            )
            postgres.prepare(new_password=False)
            services += [_started(valkey.spec()), _started(postgres.spec())]
            valkey.wait_ready()
            postgres.wait_ready()
        yield _test_environment(database_url=postgres.url, redis_url=valkey.url)
    finally:
        for service in services:
            service.ask_to_stop()
        for service in services:
            service.finish(timeout_seconds=10)
        cluster = (folder / "postgres").resolve()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(cluster, ignore_errors=True)  # elsewhere when root could not share the folder


def _started(spec: ServiceSpec) -> Service:
    service = Service(spec)
    service.start()
    return service


def _test_environment(*, database_url: str, redis_url: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {
        **inherited,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}",
        "DJANGO_SETTINGS_MODULE": "zhenwen.settings.test",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
    }


def _ensure_browser() -> None:
    if any(shutil.which(name) for name in BROWSERS):
        return
    apt = shutil.which("apt-get")
    if os.geteuid() != 0 or apt is None:
        say(
            "没有 chromium，将跳过浏览器测试；安装：apt install " + " ".join(BROWSER_PACKAGES),
            "No chromium: the browser tests will be skipped.",
        )
        return
    say("正在安装 chromium …", "Installing chromium …")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *BROWSER_PACKAGES]):
        result = subprocess.run([apt, "-qq", *command], capture_output=True, env=environment, check=False)
        if result.returncode != 0:
            say("chromium 安装失败，将跳过浏览器测试。", "It failed: the browser tests will be skipped.")
            return


@contextmanager
def _timed(name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    say(f"· {name}: {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
