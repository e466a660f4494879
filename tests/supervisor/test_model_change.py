"""The model changes on a running site, under load, and nobody notices: not one call or paper fails."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from detection.engine import Manifest, default_model_folder, write_manifest
from tests.supervisor.papers import paper_text
from tests.supervisor.site import RunningSite, running_site, site_free_environment, wait_until

pytestmark = pytest.mark.servers


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="zhenwen-site-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def other_model(folder: Path, *, name: str, golden_off_by: float = 0.0) -> Manifest:
    """The shipped model under another digest."""
    shutil.copytree(default_model_folder(), folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"called": name}), "utf-8")
    golden = json.loads((folder / "golden.json").read_text("utf-8"))
    golden["segments"][0]["logit"] += golden_off_by
    (folder / "golden.json").write_text(json.dumps(golden), "utf-8")
    return write_manifest(folder, name=name, version="1")


def manage(site: RunningSite, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zhenwen.supervisor.manage", *arguments],
        env=site_free_environment() | {"ZHENWEN_DATA_DIR": site.ready["data_dir"]},
        capture_output=True,
        text=True,
        check=False,
    )


class Load:
    """Calls and papers, one after the other, for as long as it runs; and what became of each."""

    def __init__(self, site: RunningSite) -> None:
        self.site = site
        self.replies: Counter[int] = Counter()
        self.models: Counter[str] = Counter()
        self.papers: list[str] = []
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._call), threading.Thread(target=self._hand_in)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        number = 0
        while not self._done.is_set():
            number += 1
            body = {"text": paper_text(number, paragraphs=1), "deadline_seconds": 30}
            status, reply = self.site.call("/api/v1/detect", body)
            self.replies[status] += 1
            if status == 200:
                self.models[reply["result"]["model"]["digest"]] += 1

    def _hand_in(self) -> None:
        number = 100_000
        while not self._done.is_set():
            number += 1
            status, reply = self.site.call("/api/v1/detections", {"text": paper_text(number)})
            self.replies[status] += 1
            self.papers.append(reply["id"])
            self._done.wait(0.5)

    def wait_for_model(self, digest: str) -> None:
        """Until calls are answered by it."""
        before = self.models[digest]
        wait_until(lambda: self.models[digest] > before + 3, timeout_seconds=120, what="the other model")


def test_a_change_and_the_way_back_under_load(folder: Path) -> None:
    good = other_model(folder / "good", name="good")
    bad = other_model(folder / "bad", name="bad", golden_off_by=3.0)
    with running_site(folder) as site:
        shipped = site.call("/api/v1/models")[1]["models"][0]["digest"]
        for name in ("good", "bad"):
            assert manage(site, "register_model", str(folder / name), "--staged").returncode == 0
        with Load(site) as load:
            load.wait_for_model(shipped)
            refused = manage(site, "activate_model", bad.digest)
            assert refused.returncode == 1
            assert "golden.json" in refused.stderr
            changed = manage(site, "activate_model", good.digest[:12])
            assert changed.returncode == 0, changed.stderr
            load.wait_for_model(good.digest)
            assert manage(site, "activate_model", "--rollback").returncode == 0
            load.wait_for_model(shipped)
        assert set(load.models) == {shipped, good.digest}
        assert set(load.replies) == {200, 202}

        def states() -> Counter[str]:
            return Counter(site.call(f"/api/v1/detections/{id_}")[1]["state"] for id_ in load.papers)

        wait_until(
            lambda: states() == {"succeeded": len(load.papers)}, timeout_seconds=120, what="all papers"
        )
