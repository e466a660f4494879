"""A web process holds no model: it loads no inference library and stays small."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

RESIDENT_SIZE_MB_AT_MOST = 200
INFERENCE = {"torch", "openvino", "transformers", "tokenizers", "onnxruntime"}
PROGRAM = """
import gc, json, sys
from pathlib import Path
import zhenwen.asgi
# Not getrusage: it remembers the size of the process that forked this one.
own = Path("/proc/self/status")
lines = own.read_text().splitlines() if own.exists() else ["VmHWM: 0 kB"]
status = dict(line.split(":", 1) for line in lines if ":" in line)
resident_mb = int(status["VmHWM"].split()[0]) / 1024
print(json.dumps({"modules": [*sys.modules], "resident_mb": resident_mb, "kept": gc.get_freeze_count()}))
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, object]:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    report: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
    return report


def test_importing_the_site_loads_no_inference_library(imported: dict[str, list[str]]) -> None:
    assert "django" in imported["modules"]
    assert not INFERENCE & set(imported["modules"])


def test_all_pages_are_imported_before_the_first_request(imported: dict[str, list[str]]) -> None:
    assert {"accounts.web.urls", "detection.web.urls", "detection.api.urls"} <= set(imported["modules"])


def test_what_is_imported_is_kept_out_of_the_garbage_collectors_sight(imported: dict[str, int]) -> None:
    assert imported["kept"] > 50_000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the size from Linux's /proc")
def test_a_web_process_stays_small(imported: dict[str, float]) -> None:
    assert imported["resident_mb"] < RESIDENT_SIZE_MB_AT_MOST


def test_the_supervisor_needs_nothing_installed() -> None:
    """-S leaves the site-packages out: what script/server does before anything is installed."""
    result = subprocess.run(
        [sys.executable, "-S", "-m", "zhenwen.supervisor", "--help"],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "--port" in result.stdout
