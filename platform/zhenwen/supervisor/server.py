"""The life of the site: databases, preparation, services, watch, orderly end."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Any

from zhenwen.supervisor import instance
from zhenwen.supervisor.application import Application, application_user
from zhenwen.supervisor.banner import show_banner
from zhenwen.supervisor.console import StartError, say
from zhenwen.supervisor.demo import curl_line, ensure_demo
from zhenwen.supervisor.external import require_postgres, require_redis, without_password
from zhenwen.supervisor.network import free_port, is_free, require_free
from zhenwen.supervisor.places import Places, require_free_space
from zhenwen.supervisor.postgres import EmbeddedPostgres
from zhenwen.supervisor.secret_file import ensure_secrets, write_private
from zhenwen.supervisor.service import Service, ServiceSpec, rotate
from zhenwen.supervisor.unprivileged import server_user
from zhenwen.supervisor.valkey import EmbeddedValkey

TICK_SECONDS = 0.2
ROTATE_EVERY_SECONDS = 10
READY_WITHIN_SECONDS = 90
FREE_SPACE_BYTES = 300 * 2**20


@dataclass(frozen=True)
class Options:
    host: str
    port: int
    data_dir: Path
    web_workers: int
    demo: bool
    ready_file: Path | None


class StopRequested(BaseException):
    """A signal asked the site to end, perhaps in the middle of its start."""


@dataclass
class Site:
    """Services in the order of their start: databases first."""

    places: Places
    stores: list[Service] = field(default_factory=list)
    workers: list[Service] = field(default_factory=list)

    @property
    def services(self) -> list[Service]:
        return [*self.stores, *self.workers]

    def start(self, spec: ServiceSpec, *, store: bool = False) -> Service:
        service = Service(spec)
        (self.stores if store else self.workers).append(service)
        service.start()
        instance.remember(self.places, self.services)
        return service

    def tend(self) -> None:
        """Restart what has died and is due."""
        changed = False
        for service in self.services:
            event = service.tend(time.monotonic())
            if event is not None:
                changed = True
                say(f"  {time.strftime('%H:%M:%S')} {event}")
        if changed:
            instance.remember(self.places, self.services)

    def stop(self) -> None:
        """First those that take requests and work, together; then Valkey, then PostgreSQL."""
        for group in (self.workers, *([store] for store in reversed(self.stores))):
            for service in group:
                service.ask_to_stop()
            deadline = time.monotonic() + max((service.spec.stop_seconds for service in group), default=0)
            for service in group:
                service.finish(timeout_seconds=deadline - time.monotonic())
        instance.remember(self.places, self.services)


def serve(options: Options) -> None:
    """Run until SIGINT, SIGTERM or SIGHUP. Raises StartError when the site cannot start."""
    places = Places(options.data_dir)
    lock = take_place(options, places)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _request_stop)
    site = Site(places)
    try:
        _start(site, options, lock)
        _watch(site)
    except StopRequested:
        say("\n正在停止 …", "Stopping …")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _hurry(site))
        site.stop()
        lock.close()
    say("已停止，数据已保留。", "Stopped; the data is kept.")


def take_place(options: Options, places: Places) -> IO[str]:
    """Folder, lock, leftovers, port: everything that can be known before anything is started."""
    require_free_space(options.data_dir, size_bytes=FREE_SPACE_BYTES)
    places.create()
    lock = instance.claim(places)
    try:
        ended = instance.end_leftovers(places)
        if ended:
            names = ", ".join(ended)
            say(
                f"已结束上次异常退出留下的进程：{names}。",
                f"Ended what an earlier start left behind: {names}.",
            )
        require_free(options.host, options.port)
    except BaseException:
        lock.close()
        raise
    return lock


def _request_stop(_number: int, _frame: FrameType | None) -> None:
    raise StopRequested


def _hurry(site: Site) -> Any:
    """A second Ctrl-C: give the workers no more time. Their jobs are dispatched again on the next start."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        for service in site.workers:
            if service.running and service.process is not None:
                service.process.kill()

    return handle


def _start(site: Site, options: Options, lock: IO[str]) -> None:
    places = site.places
    secrets, new_secrets = ensure_secrets(places.secrets)
    ports = _Ports(places.run / "ports.json")
    database_url, database = _start_postgres(site, ports, secrets, new="POSTGRES_PASSWORD" in new_secrets)
    redis_url, redis = _start_valkey(site, ports, secrets)
    application = Application(
        places=places,
        host=options.host,
        port=options.port,
        web_workers=options.web_workers,
        database_url=database_url,
        redis_url=redis_url,
        secrets=secrets,
        user=application_user(),
    )
    say("正在准备站点 …", "Preparing the site …")
    application.prepare()
    demo = ensure_demo(application) if options.demo else {}
    application.remember_environment()
    application.hand_over_folders()
    for spec in application.services():
        site.start(spec)
    instance.announce(lock, application.address)
    health = _wait_ready(site, application)
    stores = [f"PostgreSQL {database}", f"Valkey/Redis {redis}"]
    show_banner(
        address=application.address,
        demo=demo,
        data_dir=places.data_dir,
        logs=places.logs,
        stores=stores,
        health=health,
    )
    if options.ready_file is not None:
        _write_ready_file(options.ready_file, application, demo, site)


def _start_postgres(site: Site, ports: _Ports, secrets: dict[str, str], *, new: bool) -> tuple[str, str]:
    """Its URL, and what to show of it."""
    url = os.environ.get("DATABASE_URL", "")
    if url:
        return url, f"{require_postgres(url)} {without_password(url)}"
    server = EmbeddedPostgres(
        folder=site.places.postgres,
        port=ports.take("postgres"),
        password=secrets["POSTGRES_PASSWORD"],
        log=site.places.logs / "postgres.log",
        user=server_user(),
    )
    server.prepare(new_password=new)
    site.start(server.spec(), store=True)
    server.wait_ready()
    return server.url, f"{site.places.postgres} (127.0.0.1:{server.port})"


def _start_valkey(site: Site, ports: _Ports, secrets: dict[str, str]) -> tuple[str, str]:
    url = os.environ.get("REDIS_URL", "")
    if url:
        return url, f"{require_redis(url)} {without_password(url)}"
    server = EmbeddedValkey(
        folder=site.places.valkey,
        port=ports.take("valkey"),
        password=secrets["VALKEY_PASSWORD"],
        log=site.places.logs / "valkey.log",
    )
    server.set_aside_broken_file()
    site.start(server.spec(), store=True)
    server.wait_ready()
    return server.url, f"{site.places.valkey} (127.0.0.1:{server.port})"


class _Ports:
    """The same ports at every start where possible, so that tools that connect to them go on working."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.kept: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.kept = {}

    def take(self, name: str) -> int:
        port = int(self.kept.get(name, 0))
        if not port or not is_free("127.0.0.1", port):
            port = free_port()
            self.kept[name] = port
            self.path.write_text(json.dumps(self.kept), encoding="utf-8")
        return port


def _wait_ready(site: Site, application: Application) -> str:
    """What /health says in the end, '' when all is well. Raises StartError when nothing answers."""
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    report: dict[str, Any] = {}
    while time.monotonic() < deadline:
        site.tend()
        report = _health(application.address)
        if report.get("status") == "healthy":
            return ""
        time.sleep(TICK_SECONDS)
    if not report:
        logs = application.places.logs
        raise StartError(
            f"网站 {READY_WITHIN_SECONDS} 秒内没有响应，日志：{logs}",
            f"The site did not answer within {READY_WITHIN_SECONDS} s; logs: {logs}",
        )
    return f"[{report.get('status')}: {'; '.join(report.get('reasons', []))}]"


def _health(address: str) -> dict[str, Any]:
    """The body of /health, whatever its status code; {} when there is no answer yet."""
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as reply:  # noqa: S310  # our own address
            body = reply.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    except OSError:
        return {}
    try:
        report = json.loads(body)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def _write_ready_file(path: Path, application: Application, demo: dict[str, Any], site: Site) -> None:
    ready = {
        "address": application.address,
        "demo": demo,
        "curl": curl_line(application.address, demo["api_key"]) if demo else "",
        "data_dir": str(application.places.data_dir),
        "database_url": application.database_url,
        "redis_url": application.redis_url,
        "pids": {service.spec.name: service.pid for service in site.services},
    }
    write_private(path, json.dumps(ready, ensure_ascii=False, indent=1))


def _watch(site: Site) -> None:
    rotated_at = time.monotonic()
    while True:
        site.tend()
        if time.monotonic() - rotated_at > ROTATE_EVERY_SECONDS:
            rotated_at = time.monotonic()
            logs: Sequence[Path] = [service.spec.log for service in site.services]
            for log in logs:
                rotate(log)
        time.sleep(TICK_SECONDS)
