"""Where the benchmarks keep their things; nothing outside `build/` but the page they write."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "benchmarks"
MODELS = FOLDER / "models"
SITES = FOLDER / "sites"
LOGS = FOLDER / "logs"
RESULTS = FOLDER / "results"
VENVS = FOLDER / "venvs"
DOCS = ROOT / "docs"

SHIPPED_MODEL = ROOT / "weights" / "zhenwen-small"
REFERENCE_MODEL = MODELS / "reference-102m"


def python_path() -> str:
    """For processes of our own: the repository and its second source root."""
    return f"{ROOT}:{ROOT / 'platform'}"


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
