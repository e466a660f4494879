"""The source tree keeps its shape."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES_AT_MOST = 500
# Spelled so that this file does not contain them.
FORBIDDEN = [
    re.compile(pattern)
    for pattern in (
        r"/wo" r"rk/(main|shared)",
        r"/tm" r"p/x/",
        r"\.lib" r"rary/",
        r"/opt/(wh" r"eels|py" r"pi)",
        r"farm-(be" r"nch|stu" r"dio)",
        r"utils\." r"py",
    )
]
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".html",
    ".css",
    ".js",
    ".yaml",
    ".yml",
    ".json",
    ".sh",
    ".service",
    ".po",
    "",
}


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    files = [ROOT / name for name in listed.decode().split("\0") if name]
    return [path for path in files if path.is_file() and path.suffix in TEXT]


def test_platform_is_the_standard_librarys() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert platform.__file__ is not None
    assert Path(platform.__file__).parent == Path(sysconfig.get_path("stdlib"))


def test_platform_wins_with_our_folders_first_on_the_path() -> None:
    program = "import platform, sys; sys.exit(not platform.system())"
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}"}
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment).returncode == 0


def test_no_source_file_is_long() -> None:
    sources = [path for path in tracked_files() if path.suffix == ".py" and "migrations" not in path.parts]
    long = {
        str(path.relative_to(ROOT)): count
        for path in sources
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > LINES_AT_MOST
    }
    assert not long


def test_the_repository_speaks_of_the_product_only() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {pattern.pattern}"
        for path in tracked_files()
        for pattern in FORBIDDEN
        if pattern.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert not found


@pytest.mark.parametrize("folder", ["platform/zhenwen", "accounts", "detection", "tests"])
def test_no_room_for_odds_and_ends(folder: str) -> None:
    assert not list((ROOT / folder).rglob("utils*"))
