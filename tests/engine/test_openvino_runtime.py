"""What the product asks of OpenVINO before any model runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

IMPORTED = """
import sys, threading, time
import detection.engine.openvino_backend
assert sys.modules["openvino_telemetry"] is None
from openvino.tools.ovc import telemetry_utils
print(telemetry_utils.tm.__name__, threading.active_count())
"""


def run(script: str) -> str:
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_importing_openvino_reports_to_nobody() -> None:
    assert run(IMPORTED) == "openvino.tools.ovc.telemetry_stub 1"
