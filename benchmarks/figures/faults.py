"""What must not be felt: another model taking over, and a worker killed, both under full load."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks import load
from benchmarks.bench import Bench
from benchmarks.places import MODELS, RESULTS, SHIPPED_MODEL
from benchmarks.record import Figure, Outcome, Table
from benchmarks.site import DETECT, Site, SiteFailed

SWAP_CLIENTS = 32
SWAP_TEXTS = 8_000
SWAP_SECONDS_AT_MOST = 180.0
KILL_CLIENTS = 8
KILL_TEXTS = 3_000
PAPER_CHARACTERS = 4_000


def model_swap(bench: Bench) -> Outcome:
    """Another version takes over under full load and the first one is brought back; no call may fail."""
    site = bench.site
    copy = _other_version()
    site.manage("register_model", str(copy), "--staged")
    pause_seconds = bench.amount(5, 2)
    digests = [_digest_that_answers(bench)]
    first = digests[0]
    second = next(version["digest"] for version in _versions(site) if version["digest"] != first)
    swaps: list[tuple[str, float, float]] = []

    def swap_and_back(began: float) -> None:
        for name, digest in (("to the other version", second), ("back", first)):
            time.sleep(pause_seconds)
            commanded = time.monotonic() - began
            _activate(site, digest)
            swaps.append((name, commanded, time.monotonic() - began))
            digests.append(_digest_that_answers(bench))
        time.sleep(pause_seconds)

    plan = site.plan(bench.texts(SWAP_TEXTS), clients=SWAP_CLIENTS, seconds=SWAP_SECONDS_AT_MOST)
    result = _while_loaded(plan, swap_and_back)
    _keep_log("swap", result)
    if swaps[-1][2] > result.elapsed_seconds:
        raise SiteFailed("the load ended before the swap back had; nothing is proved")
    if digests != [first, second, first]:
        raise SiteFailed(f"the versions that answered were {[digest[:12] for digest in digests]}")
    usual = result.median_ms
    slowest = max(result.milliseconds)
    return Outcome(
        figures=[
            Figure("swap_failed", "swap of the model and back under load: failed calls", result.failed, "",
                   f"{result.answered:,} answered in {result.elapsed_seconds:.0f} s, {SWAP_CLIENTS} clients",
                   target=0, at_most=True),
            Figure("swap_slowest_ms", "the slowest call during the swaps", slowest, "ms",
                   f"median {usual:.0f} ms, P99 {result.p99_ms:.0f} ms at {SWAP_CLIENTS} clients"),
        ],
        tables=[
            Table("swaps", "The swaps", ["swap", "commanded after", "command returned after", "answered by"],
                  [[name, f"{at:.1f} s", f"{done:.1f} s", digest[:12]]
                   for (name, at, done), digest in zip(swaps, digests[1:], strict=True)]),
        ],
    )  # fmt: skip


def killed_workers(bench: Bench) -> Outcome:
    """SIGKILL to each kind of warm worker in the middle of its work; the supervisor starts it again."""
    # Of an institution of its own, so that its account shows these papers and nothing else.
    site = bench.site.of_new_tenant("kill")
    papers = bench.papers(bench.amount(60, 8), characters=PAPER_CHARACTERS)
    ids = site.submit(papers)
    killed_at = _kill_after_a_third(site, "warm-documents", ids)
    site.wait_until_settled(timeout_seconds=180)
    settled_after = time.monotonic() - killed_at
    reports = [site.detection(detection_id) for detection_id in ids]
    lost = sum(1 for report in reports if report["state"] != "succeeded")
    charged = site.usage()["used_characters"]
    owed = sum(report["characters"] for report in reports if report["state"] == "succeeded")
    return Outcome(
        figures=[
            Figure("kill_lost", "a documents worker killed under load: lost documents", lost, "",
                   f"{len(ids)} papers of {PAPER_CHARACTERS:,}, done {settled_after:.0f} s after the kill",
                   target=0, at_most=True),
            Figure("kill_charged_wrongly", "the same: characters charged twice or not at all",
                   abs(charged - owed), "", f"{charged:,} charged, {owed:,} due", target=0, at_most=True),
            _killed_in_realtime(bench),
        ],
    )  # fmt: skip


def _killed_in_realtime(bench: Bench) -> Figure:
    pause_seconds = bench.amount(4, 2)

    def kill(_began: float) -> None:
        time.sleep(pause_seconds)
        os.kill(bench.site.pids["warm-realtime"], signal.SIGKILL)
        time.sleep(2 * pause_seconds)

    plan = bench.site.plan(bench.texts(KILL_TEXTS), clients=KILL_CLIENTS, seconds=60)
    result = _while_loaded(plan, kill)
    _keep_log("kill", result)
    slowest = max(result.milliseconds, default=0.0) / 1000
    return Figure(
        key="kill_realtime_failed",
        what="a realtime worker killed under load: calls not answered with a result",
        value=result.failed,
        unit="",
        beside=f"{result.answered:,} answered, slowest {slowest:.1f} s; statuses {result.statuses}",
    )


def _while_loaded(plan: load.Plan, disturb: Callable[[float], None]) -> load.Result:
    """The load for as long as `disturb` takes, which is told on another thread when the load began."""
    errors: list[BaseException] = []
    with tempfile.TemporaryDirectory() as folder:
        stop = Path(folder) / "stop"

        def guarded() -> None:
            try:
                disturb(time.monotonic())
            except BaseException as error:  # told to the waiting thread
                errors.append(error)
            finally:
                stop.touch()

        thread = threading.Thread(target=guarded)
        thread.start()
        result = load.run(replace(plan, stop_file=str(stop)))
        thread.join()
    if errors:
        raise errors[0]
    return result


def _kill_after_a_third(site: Site, name: str, ids: list[str]) -> float:
    """The moment of the kill."""
    deadline = time.monotonic() + 120
    while site.detection(ids[len(ids) // 3])["finished_at"] is None:
        if time.monotonic() > deadline:
            raise SiteFailed("the papers are not being scored")
        time.sleep(0.1)
    os.kill(site.pids[name], signal.SIGKILL)
    return time.monotonic()


def _other_version() -> Path:
    """The shipped model under another digest, as a retrained one would have."""
    from detection.engine import read_manifest, write_manifest

    folder = MODELS / "zhenwen-small-again"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SHIPPED_MODEL, folder)
    manifest = read_manifest(folder)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"copied_for": "benchmarks"}), "utf-8")
    (folder / "model.json").unlink()
    write_manifest(folder, name=manifest.name, version=f"{manifest.version}-again")
    return folder


def _versions(site: Site) -> list[dict[str, str]]:
    program = (
        "import json; from detection.models import ModelVersion as V;"
        " print(json.dumps(list(V.objects.values('digest', 'folder', 'status'))))"
    )
    versions: list[dict[str, str]] = json.loads(site.manage("shell", "--no-imports", "-c", program))
    return versions


def _activate(site: Site, digest: str) -> None:
    site.manage("activate_model", digest)


def _digest_that_answers(bench: Bench) -> str:
    answer = bench.site.call(DETECT, {"text": bench.prose.text(300), "deadline_seconds": 30})
    return str(answer["result"]["model"]["digest"])


def _keep_log(name: str, result: load.Result) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps({"sent_after_seconds": round(sent, 4), "milliseconds": round(ms, 2), "status": status})
        for sent, ms, status in result.log
    ]
    (RESULTS / f"{name}-load.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
