"""script/server for real: what it prints works, what is killed comes back, and papers are charged once."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from detection.training.golden_texts import GOLDEN_TEXTS
from tests.supervisor.papers import paper_docx, paper_text
from tests.supervisor.site import (
    RunningSite,
    running_site,
    site_free_environment,
    start_process,
    wait_until,
)
from tests.training.made_corpora import made_text
from zhenwen.supervisor.places import ROOT
from zhenwen.supervisor.processes import is_alive
from zhenwen.supervisor.secret_file import read_secrets

pytestmark = pytest.mark.servers

PAPERS = 20
RESIDENT_SIZE_MB_AT_MOST = 200


@contextmanager
def shared_folder() -> Iterator[Path]:
    """Which PostgreSQL can reach when it runs as another user."""
    with tempfile.TemporaryDirectory(prefix="zhenwen-site-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with shared_folder() as folder:
        yield folder


@pytest.fixture
def own_folder() -> Iterator[Path]:
    with shared_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[RunningSite]:
    with running_site(folder) as site:
        yield site


def test_the_printed_curl_line_works_verbatim(site: RunningSite) -> None:
    line = next(line for line in site.output.read_text().splitlines() if line.startswith("curl "))
    assert shlex.split(line)[0] == "curl"
    result = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    reply = json.loads(result.stdout)
    assert reply["result"]["verdict"] in {"human", "ai", "mixed", "polished", "inconclusive"}
    assert reply["result"]["sentences"]


def test_the_printed_logins_and_key_are_those_of_the_demo(site: RunningSite) -> None:
    printed = site.output.read_text()
    for name in ("alice", "bob", "carol", "mallory"):
        assert f"{name}@example.com" in printed
    assert site.ready["demo"]["api_key"] in printed


def test_secrets_are_printed_nowhere(site: RunningSite) -> None:
    secrets = read_secrets(Path(site.ready["data_dir"]) / "secrets.env")
    logs = "".join(
        path.read_text(errors="replace") for path in Path(site.ready["data_dir"], "log").glob("*.log")
    )
    for name, secret in secrets.items():
        assert secret not in site.output.read_text() + logs, name


def test_a_second_start_in_the_same_folder_names_the_first(site: RunningSite, folder: Path) -> None:
    with tempfile.TemporaryFile() as output:
        second = start_process(folder, port=site.port, output=output)
        assert second.wait(timeout=30) == 1
        output.seek(0)
        words = output.read().decode()
    assert f"PID {site.process.pid}" in words
    assert "Traceback" not in words


def test_management_commands_reach_the_running_site(site: RunningSite) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "zhenwen.supervisor.manage", "register_model", "--if-none-active"],
        env=site_free_environment() | {"ZHENWEN_DATA_DIR": site.ready["data_dir"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert site.call("/api/v1/models")[1]["models"][0]["name"] in result.stdout


def test_the_command_line_says_what_the_site_says(site: RunningSite) -> None:
    papers = [paper_text(90 + count, paragraphs=count) for count in (1, 3, 9)]
    senseless = made_text("no model writes so", sentences=14)  # of what a model wrote none is called human
    texts = [*GOLDEN_TEXTS, *papers, senseless]
    lines = "".join(json.dumps({"id": i, "text": text}) + "\n" for i, text in enumerate(texts))
    scored = subprocess.run(
        [sys.executable, ROOT / "manage.py", "score", "--jsonl"],
        env=site_free_environment(),
        input=lines,
        capture_output=True,
        text=True,
        check=False,
    )
    assert scored.returncode == 0, scored.stderr
    by_command = [json.loads(line) for line in scored.stdout.splitlines()]
    by_site = [site.call("/api/v1/detect", {"text": text})[1]["result"] for text in texts]
    assert len(by_command) == len(texts)
    assert {result["verdict"] for result in by_site} >= {"ai", "human", "inconclusive"}
    for ours, theirs in zip(by_command, by_site, strict=True):
        assert theirs["model"]["digest"] == ours.pop("model")["digest"]
        del ours["id"]
        assert ours == {name: theirs[name] for name in ours}


def test_every_web_process_stays_small(site: RunningSite) -> None:
    site.call("/api/v1/models")
    leader = site.pid("web")
    members = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    sizes = {pid: resident_mb(pid) for pid in members if parent(pid) == leader}
    assert len(sizes) >= 2
    assert max(sizes.values()) < RESIDENT_SIZE_MB_AT_MOST


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def test_when_the_realtime_worker_stands_still_the_one_for_papers_answers(site: RunningSite) -> None:
    silent = site.pid("warm-realtime")
    os.kill(silent, signal.SIGSTOP)  # alive, so that it is not started again
    try:
        body = {"text": paper_text(4711, paragraphs=1), "deadline_seconds": 30}
        status, reply = site.call("/api/v1/detect", body)
    finally:
        os.kill(silent, signal.SIGCONT)
    assert status == 200
    assert reply["state"] == "succeeded"
    detection_id = reply["id"]
    wait_until(
        lambda: charges(site, [detection_id]) == {detection_id: 1}, timeout_seconds=30, what="the charge"
    )
    assert site.call("/api/v1/usage")[1]["reserved_characters"] == 0


@pytest.mark.parametrize("victim", ["warm-documents", "extract", "web", "valkey", "postgres", "sweeper"])
def test_a_kill_in_the_middle_of_twenty_papers_loses_and_doubles_nothing(
    site: RunningSite, victim: str
) -> None:
    ids = hand_in_papers(site, seed=sum(victim.encode()) * 1000)
    wait_until(lambda: count_in(site, ids, "succeeded") >= 1, timeout_seconds=60, what="the first paper")
    site.kill(victim)
    wait_until(
        lambda: count_in(site, ids, "succeeded") + count_in(site, ids, "failed") == PAPERS,
        timeout_seconds=180,
        what=f"all papers after the end of {victim}",
    )
    assert count_in(site, ids, "succeeded") == PAPERS, states(site, ids)
    assert charges(site, ids) == dict.fromkeys(ids, 1)
    wait_until(lambda: site.call("/health")[1].get("status") == "healthy", timeout_seconds=60, what="health")
    assert site.call("/api/v1/usage")[1]["reserved_characters"] == 0


def hand_in_papers(site: RunningSite, *, seed: int) -> list[str]:
    """Ten by API as texts, ten as files."""
    ids = []
    for number in range(PAPERS):
        if number % 2:
            status, reply = site.upload("/api/v1/detections", f"{number}.docx", paper_docx(seed + number))
        else:
            status, reply = site.call("/api/v1/detections", {"text": paper_text(seed + number)})
        assert status == 202, reply
        ids.append(reply["id"])
    return ids


def query(site: RunningSite, statement: str, ids: list[str]) -> list[tuple[object, ...]]:
    """Straight from PostgreSQL, as the platform's operator; [] while it is away."""
    try:
        with psycopg.connect(site.ready["database_url"], options="-c role=zhenwen_operator") as connection:
            return connection.execute(statement, [ids]).fetchall()
    except psycopg.OperationalError:
        return []


def states(site: RunningSite, ids: list[str]) -> dict[object, object]:
    rows = query(
        site, "SELECT state, count(*) FROM detection_detection WHERE id = ANY(%s::uuid[]) GROUP BY 1", ids
    )
    return {state: number for state, number in rows}


def count_in(site: RunningSite, ids: list[str], state: str) -> int:
    return int(str(states(site, ids).get(state, 0)))


def charges(site: RunningSite, ids: list[str]) -> dict[str, int]:
    references = [f"detection:{id_}" for id_ in ids]
    rows = query(
        site,
        "SELECT reference, count(*) FROM ledger_ledgerentry"
        " WHERE kind = 'charge' AND reference = ANY(%s) GROUP BY reference",
        references,
    )
    return {str(reference).removeprefix("detection:"): int(str(number)) for reference, number in rows}


def test_a_killed_supervisor_is_followed_by_a_quick_start_with_all_data(own_folder: Path) -> None:
    with running_site(own_folder) as site:
        assert site.call("/api/v1/detect", {"text": paper_text(7)})[0] == 200
        wait_until(lambda: used(site) > 0, timeout_seconds=30, what="the charge")
        before = used(site)
        children = [site.pid(name) for name in site.ready["pids"]]
        site.process.kill()
        site.process.wait()
    started = time.monotonic()
    with running_site(own_folder, port=site.port) as again:
        assert time.monotonic() - started < 30
        assert not any(is_alive(pid) for pid in children)
        assert again.ready["demo"] == site.ready["demo"]
        assert used(again) == before
        running = [again.pid(name) for name in again.ready["pids"]]
        assert again.stop() == 0
    wait_until(lambda: not any(is_alive(pid) for pid in running), timeout_seconds=10, what="the end of all")


def used(site: RunningSite) -> int:
    return int(site.call("/api/v1/usage")[1]["used_characters"])
