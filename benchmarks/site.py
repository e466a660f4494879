"""The product itself, started the way script/server starts it, on free ports and in a folder of its own."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.load import Plan
from benchmarks.papers import form
from benchmarks.places import ROOT, SITES, python_path, say
from zhenwen.supervisor.network import free_port
from zhenwen.supervisor.processes import dies_with_parent

STARTS_WITHIN_SECONDS = 300
STOPS_WITHIN_SECONDS = 60
# What is measured is the work, not the limits that protect it from one caller.
OPEN_DOORS = {
    "API_KEY_REQUESTS_A_MINUTE": "100000000",
    "ORGANIZATION_REQUESTS_A_MINUTE": "100000000",
    "REALTIME_DELAY_SECONDS_AT_MOST": "30",
    "LOG_LEVEL": "WARNING",
}
DETECT = "/api/v1/detect"
DETECTIONS = "/api/v1/detections"
# At most this many texts and bytes in one call to /api/v1/batches.
_TEXTS_IN_A_BATCH = 100
_CHARACTERS_IN_A_BATCH = 300_000


class SiteFailed(RuntimeError):
    """The site did not start, or did not do what it must."""


@dataclass
class Site:
    port: int
    folder: Path
    token: str
    supervisor: subprocess.Popen[bytes]

    @property
    def data_dir(self) -> Path:
        return self.folder / "var"

    @property
    def environment(self) -> dict[str, str]:
        """Of a process of the site."""
        own: dict[str, str] = json.loads((self.data_dir / "run" / "environment.json").read_text("utf-8"))
        return {**os.environ, **own}

    @property
    def pids(self) -> dict[str, int]:
        records = json.loads((self.data_dir / "run" / "processes.json").read_text("utf-8"))
        return {str(record["name"]): int(record["pid"]) for record in records}

    # --- calls ---------------------------------------------------------------------------------

    def plan(self, texts: Sequence[str], **options: Any) -> Plan:
        """Realtime calls, one for each text."""
        bodies = [json.dumps({"text": text, "deadline_seconds": 30}, ensure_ascii=False) for text in texts]
        return Plan(port=self.port, path=DETECT, bodies=bodies, headers=self._authorization, **options)

    def call(self, path: str, content: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Raises SiteFailed for any answer but success."""
        body = None if content is None else json.dumps(content, ensure_ascii=False).encode()
        return self._send(path, body, "application/json")

    def upload(self, filename: str, content: bytes) -> str:
        """The id of the detection."""
        body, content_type = form(filename, content)
        return str(self._send(DETECTIONS, body, content_type)["id"])

    def submit_each(self, texts: Sequence[str]) -> list[str]:
        """Handed in as papers in a call each, so that the first is scored while the last one comes in."""
        return [str(self.call(DETECTIONS, {"text": text})["id"]) for text in texts]

    def submit(self, texts: Sequence[str]) -> list[str]:
        """Handed in as papers, as many at once as the API takes; the ids of the detections."""
        ids: list[str] = []
        for group in _groups(texts):
            reply = self.call("/api/v1/batches", {"texts": [{"text": text} for text in group]})
            ids += [detection["id"] for detection in reply["detections"]]
        return ids

    def detection(self, detection_id: str) -> dict[str, Any]:
        return self.call(f"{DETECTIONS}/{detection_id}")

    def wait_for(
        self, ids: Sequence[str], *, timeout_seconds: float, poll_seconds: float = 0.05
    ) -> list[dict[str, Any]]:
        """All of them once each has ended. Asks for one at a time: asking costs the site time too.

        Raises SiteFailed when time is up.
        """
        deadline = time.monotonic() + timeout_seconds
        ended: dict[str, dict[str, Any]] = {}
        for detection_id in reversed(ids):  # the last one handed in is most often the last one done
            while True:
                detection = self.detection(detection_id)
                if detection["finished_at"] is not None:
                    ended[detection_id] = detection
                    break
                if time.monotonic() > deadline:
                    raise SiteFailed(f"{len(ids) - len(ended)} of {len(ids)} detections not done in time")
                time.sleep(poll_seconds)
        return [ended[detection_id] for detection_id in ids]

    def wait_until_settled(self, *, timeout_seconds: float, poll_seconds: float = 0.5) -> None:
        """Until no characters are reserved: then every text that was handed in has ended.

        Raises SiteFailed when time is up.
        """
        deadline = time.monotonic() + timeout_seconds
        while self.usage()["reserved_characters"]:
            if time.monotonic() > deadline:
                raise SiteFailed(f"not done within {timeout_seconds:g} s")
            time.sleep(poll_seconds)

    def usage(self) -> dict[str, Any]:
        return self.call("/api/v1/usage")

    def last_report_at(self, ids: Sequence[str]) -> float:
        """Seconds since the epoch. Raises SiteFailed unless all of them, the newest ones, succeeded."""
        missing, last, cursor = set(ids), 0.0, ""
        while missing:
            page = self.call(f"{DETECTIONS}?state=succeeded&limit=100{cursor}")
            for detection in page["detections"]:
                if detection["id"] in missing:
                    missing.remove(detection["id"])
                    last = max(last, datetime.fromisoformat(detection["finished_at"]).timestamp())
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={quote(page['next_cursor'])}"
        if missing:
            raise SiteFailed(f"{len(missing)} of {len(ids)} detections did not succeed")
        return last

    def _send(self, path: str, body: bytes | None, content_type: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            headers = {**self._authorization, "Content-Type": content_type}
            connection.request("GET" if body is None else "POST", path, body, headers)
            reply = connection.getresponse()
            content = reply.read()
        finally:
            connection.close()
        if reply.status >= 300:
            raise SiteFailed(f"{path}: {reply.status} {content[:300].decode(errors='replace')}")
        answer: dict[str, Any] = json.loads(content)
        return answer

    @property
    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def of_new_tenant(self, slug: str) -> Site:
        """The same site, called with the key of an institution of its own."""
        program = f"from benchmarks.tenant import make_tenant; make_tenant({slug!r})"
        printed = self.manage("shell", "--no-imports", "-c", program)
        return replace(self, token=json.loads(printed.strip().splitlines()[-1])["token"])

    # --- commands and processes ----------------------------------------------------------------

    def manage(self, *arguments: str) -> str:
        """Standard output of a management command on this site. Raises SiteFailed."""
        finished = subprocess.run(
            [sys.executable, ROOT / "manage.py", *arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=self.environment,
            timeout=300,
            check=False,
        )
        if finished.returncode != 0:
            raise SiteFailed(f"manage.py {arguments[0]}: {finished.stderr[-1500:]}")
        return finished.stdout

    @contextmanager
    def more_workers(self, count: int, **environment: str) -> Iterator[None]:
        """Further warm workers of the documents queue, once they are ready."""
        command = [sys.executable, str(ROOT / "manage.py"), "warm_worker", "--queue", "documents"]
        log = (self.data_dir / "log" / "more-workers.log").open("ab")
        before = self.document_workers()
        workers = [
            subprocess.Popen(
                command,
                cwd=ROOT,
                env={**self.environment, **environment},
                stdout=log,
                stderr=log,
                preexec_fn=dies_with_parent(signal.SIGTERM),
            )
            for _ in range(count)
        ]
        try:
            deadline = time.monotonic() + STARTS_WITHIN_SECONDS
            while self.document_workers() < before + count:
                if time.monotonic() > deadline or any(worker.poll() is not None for worker in workers):
                    raise SiteFailed("a further warm worker did not start")
                time.sleep(0.2)
            yield
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait(timeout=STOPS_WITHIN_SECONDS)
            log.close()

    def document_workers(self) -> int:
        """Warm workers of the documents queue that have said lately that they live."""
        program = "from zhenwen.jobs.presence import live_workers as w; print(len(w('documents')))"
        return int(self.manage("shell", "--no-imports", "-c", program).strip().splitlines()[-1])


@contextmanager
def running_site(name: str, *, model: Path, environment: Mapping[str, str] | None = None) -> Iterator[Site]:
    """A fresh site that serves the model folder, stopped at the end."""
    folder = SITES / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ready_file, output = folder / "ready.json", folder / "output.txt"
    port = free_port()
    began = time.monotonic()
    with output.open("wb") as stream:
        supervisor = subprocess.Popen(
            _command(port=port, folder=folder, ready_file=ready_file),
            stdout=stream,
            stderr=stream,
            cwd=ROOT,
            env=_site_environment(model) | dict(environment or {}),
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGTERM),
        )
    try:
        _wait_for_start(supervisor, ready_file, output)
        site = Site(port=port, folder=folder, token="", supervisor=supervisor)
        site = site.of_new_tenant("benchmark")
        say(f"  the site with {model.name} is ready after {time.monotonic() - began:.0f} s, port {port}")
        yield site
    finally:
        cluster = (folder / "var" / "postgres").resolve()
        supervisor.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            supervisor.wait(timeout=STOPS_WITHIN_SECONDS)
        shutil.rmtree(cluster, ignore_errors=True)


def _command(*, port: int, folder: Path, ready_file: Path) -> list[str]:
    command = [sys.executable, "-m", "zhenwen.supervisor", "--no-demo", "--port", str(port)]
    return [*command, "--data-dir", str(folder / "var"), "--once-ready-file", str(ready_file)]


def _site_environment(model: Path) -> dict[str, str]:
    """Without databases that an operator may have named: the benchmark must never touch those."""
    foreign = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "ZHENWEN_DATA_DIR")
    inherited = {name: value for name, value in os.environ.items() if name not in foreign}
    return {
        **inherited,
        **OPEN_DOORS,
        "PYTHONPATH": python_path(),
        "ZHENWEN_MODEL_DIR": str(model),
        "ZHENWEN_ENVIRONMENT_READY": "1",
    }


def _wait_for_start(supervisor: subprocess.Popen[bytes], ready_file: Path, output: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while not ready_file.exists():
        if supervisor.poll() is not None or time.monotonic() > deadline:
            raise SiteFailed(
                f"the site did not start:\n{output.read_text('utf-8', errors='replace')[-3000:]}"
            )
        time.sleep(0.1)


def _groups(texts: Sequence[str]) -> Iterator[list[str]]:
    group: list[str] = []
    characters = 0
    for text in texts:
        if group and (len(group) == _TEXTS_IN_A_BATCH or characters + len(text) > _CHARACTERS_IN_A_BATCH):
            yield group
            group, characters = [], 0
        group.append(text)
        characters += len(text)
    if group:
        yield group
