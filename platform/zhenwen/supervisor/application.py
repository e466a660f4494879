"""What the site consists of besides its databases: how each process is called, and with which environment."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from zhenwen.supervisor.console import StartError
from zhenwen.supervisor.network import browser_address
from zhenwen.supervisor.places import ROOT, VENV_PYTHON, Places
from zhenwen.supervisor.secret_file import write_private
from zhenwen.supervisor.service import ServiceSpec, UnixUser, tail
from zhenwen.supervisor.unprivileged import can_run, hand_over, server_user

# The beginnings of the names of the site's own settings, among all else in an environment.
OURS = ("ALLOWED_", "API_", "CSRF_", "DATABASE_", "DJANGO_", "PYTHON", "REDIS_", "SITE_", "ZHENWEN_")
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104


@dataclass(frozen=True)
class Application:
    places: Places
    host: str
    port: int
    web_workers: int
    database_url: str
    redis_url: str
    secrets: Mapping[str, str]
    user: UnixUser | None  # who web and workers run as when we are root; None: as we are

    @property
    def address(self) -> str:
        return browser_address(self.host, self.port)

    def environment(self) -> dict[str, str]:
        """Of every process of the site. What the operator has set stands."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        ours = {
            "DJANGO_SECRET_KEY": self.secrets["DJANGO_SECRET_KEY"],
            "API_KEY_PEPPERS": self.secrets["API_KEY_PEPPERS"],
            "ALLOWED_HOSTS": ",".join(_names_of_this_host(self.host)),
            "SITE_URL": self.address,
        }
        return {
            **ours,
            **inherited,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "ZHENWEN_DATA_DIR": str(self.places.data_dir),
            "DJANGO_SETTINGS_MODULE": "zhenwen.settings.live",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}",
            "PYTHONUNBUFFERED": "1",
            # Root's home is closed to the user who runs the site.
            **({"HOME": str(self.places.cache)} if self.user else {}),
            "ZHENWEN_CACHE_DIR": str(self.places.cache),
        }

    def remember_environment(self) -> None:
        """For script/manage, which acts on the site that runs."""
        own = {name: value for name, value in self.environment().items() if name.startswith(OURS)}
        write_private(self.places.environment, json.dumps(own, indent=1))

    def services(self) -> list[ServiceSpec]:
        """In the order of starting; they stop in the reverse order."""
        # Processes that live long share metrics through files; forked extractors would leave one each.
        counted = {"PROMETHEUS_MULTIPROC_DIR": str(self.places.metrics)}
        return [
            self._manage("warm-realtime", "warm_worker", "--queue", "realtime", extra=counted),
            self._manage("warm-documents", "warm_worker", "--queue", "documents", extra=counted),
            self._manage("extract", "extract_worker", extra={"OMP_NUM_THREADS": "1"}),
            self._manage("sweeper", "sweep", extra={"OMP_NUM_THREADS": "1"}),
            self._web(extra={**counted, "OMP_NUM_THREADS": "1"}),
        ]

    def prepare(self) -> None:
        """Migrate, gather static files, register the model. Raises StartError with the reason and the log."""
        with ThreadPoolExecutor() as pool:
            # Each spends seconds on importing Django; this one needs no database.
            static_files = pool.submit(self.manage, "collectstatic", "--no-input", "--verbosity", "0")
            self.manage("migrate", "--no-input", "--verbosity", "0", extra={"DATABASE_ROLE": ""})
            self.manage("register_model", "--if-none-active")
            static_files.result()

    def manage(self, *arguments: str, extra: Mapping[str, str] | None = None) -> str:
        """Standard output of one management command; its complaints go to setup.log."""
        log = self.places.logs / "setup.log"
        with log.open("ab") as stream:
            result = subprocess.run(
                [VENV_PYTHON, ROOT / "manage.py", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stream,
                env={**self.environment(), **(extra or {})},
                cwd=ROOT,
                start_new_session=True,
                check=False,
            )
        if result.returncode != 0:
            raise StartError(
                f"manage.py {arguments[0]} 失败，日志：{log}",
                f"manage.py {arguments[0]} failed: {tail(log, lines=1)} (log: {log})",
            )
        return result.stdout.decode()

    def _manage(self, name: str, *arguments: str, extra: Mapping[str, str]) -> ServiceSpec:
        return self._spec(name, [VENV_PYTHON, ROOT / "manage.py", *arguments], extra)

    def _web(self, *, extra: Mapping[str, str]) -> ServiceSpec:
        arguments = ["--interface", "asgi", "--host", self.host, "--port", str(self.port)]
        arguments += ["--workers", str(self.web_workers)]
        arguments += ["--respawn-failed-workers", "--workers-kill-timeout", "10", "--no-ws"]
        # At a rolling restart (SIGHUP) the new process must listen before the old one stops.
        arguments += ["--respawn-interval", "15"]
        return self._spec(
            "web", [VENV_PYTHON, "-m", "granian", *arguments, "zhenwen.asgi:application"], extra
        )

    def _spec(self, name: str, argv: Sequence[str | Path], extra: Mapping[str, str]) -> ServiceSpec:
        return ServiceSpec(
            name=name,
            argv=argv,
            environment={**self.environment(), **extra},
            log=self.places.logs / f"{name}.log",
            cwd=ROOT,
            user=self.user,
            after_end=self._forget_gauges,
        )

    def _forget_gauges(self, pid: int) -> None:
        """What a process said of itself while it lived; its counts stay."""
        for path in self.places.metrics.glob(f"gauge_live*_{pid}.db"):
            path.unlink(missing_ok=True)

    def hand_over_folders(self) -> None:
        """To whoever runs the site: its cache, and empty metrics, since counters start anew."""
        shutil.rmtree(self.places.metrics, ignore_errors=True)
        for folder in (self.places.metrics, self.places.cache):
            folder.mkdir(parents=True, exist_ok=True)
            hand_over(folder, self.user)


def application_user() -> UnixUser | None:
    """Files from strangers are not opened as root where another user can run the site from here."""
    user = server_user()
    imports: list[str | Path] = [VENV_PYTHON, "-c", "import django, zhenwen"]
    environment = {"PYTHONPATH": str(ROOT / "platform")}
    return user if user and can_run(user, imports, cwd=ROOT, environment=environment) else None


def _names_of_this_host(host: str) -> list[str]:
    names = ["localhost", "127.0.0.1", "[::1]"]
    if host not in WILDCARDS:
        return [*names, f"[{host}]" if ":" in host else host]
    names += [socket.gethostname(), socket.getfqdn()]
    with suppress(OSError):
        names += [
            str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
        ]
    # The address by which this host reaches others; nothing is sent.
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        names.append(str(probe.getsockname()[0]))
    return list(dict.fromkeys(names))
