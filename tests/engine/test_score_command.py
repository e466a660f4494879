"""`manage.py score`, as a person runs it: a process of its own, with no server and no settings at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TEXT = "那年秋天我搬到河边住，早上常听见船工说话，日子过得很慢也很安静。" * 3


@pytest.fixture
def score(folders: dict[str, Path]) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "ZHENWEN_MODEL_DIR": str(folders["roformer_tokens"]),
        "ZHENWEN_CACHE_DIR": os.environ["ZHENWEN_CACHE_DIR"],
    }

    def run(*arguments: str, lines: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, str(ROOT / "manage.py"), "score", *arguments]
        return subprocess.run(command, input=lines, capture_output=True, env=environment, check=False)

    return run


def parsed(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_one_result_per_line_in_order_whatever_the_line(
    score: Callable[..., subprocess.CompletedProcess[bytes]],
) -> None:
    lines = [
        json.dumps({"id": "论文一", "text": TEXT}, ensure_ascii=False).encode(),
        b"not json",
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"id": 3}',
        b'{"id": 4, "text": 5}',
        b"[]",
        b'{"id": "\\ud800", "text": ""}',
        json.dumps({"text": TEXT + "\ud800\x00"}).encode(),
        b'{"id": {"a": 1}, "text": "short"}',
    ]
    process = score("--jsonl", lines=b"\n".join(lines))
    results = parsed(process.stdout)
    assert process.returncode == 0
    assert [r["id"] for r in results] == ["论文一", None, None, None, 3, 4, None, "\ud800", None, {"a": 1}]
    assert [r.get("error", {}).get("code") for r in results] == [
        None,
        *["invalid_json"] * 3,
        *["invalid_line"] * 3,
        "empty_text",
        None,
        None,
    ]
    assert [r["line"] for r in results if r["id"] is None] == [2, 4, 5, 8, 10]
    first = results[0]
    assert first["verdict"] == "inconclusive" and first["characters"] == len(TEXT)
    assert first["model"]["digest"] == results[-1]["model"]["digest"]
    assert TEXT[first["sentences"][1]["start"] : first["sentences"][1]["end"]] == TEXT[:32]
    assert results[-1]["reasons"] == ["too_short"]


def test_files_are_scored_and_bad_ones_named(
    score: Callable[..., subprocess.CompletedProcess[bytes]], tmp_path: Path
) -> None:
    good, empty, missing = tmp_path / "论文.txt", tmp_path / "empty.txt", tmp_path / "missing.txt"
    good.write_text(TEXT, "gb18030")
    empty.touch()
    process = score("--with-text", str(good), str(empty), str(missing))
    results = parsed(process.stdout)
    assert process.returncode == 1
    assert b"Traceback" not in process.stderr
    assert [result["id"] for result in results] == [str(good), str(empty), str(missing)]
    assert results[0]["sentences"][0]["text"] == TEXT[:32]
    assert [r["error"]["code"] for r in results[1:]] == ["empty_file", "unreadable_file"]


@pytest.mark.parametrize("arguments", [[], ["--jsonl", "a.txt"], ["--model", "/nowhere", "--jsonl"]])
def test_a_wrong_call_is_told_what_is_wrong(
    score: Callable[..., subprocess.CompletedProcess[bytes]], arguments: list[str]
) -> None:
    process = score(*arguments)
    assert process.returncode == 1
    assert process.stderr.startswith(b"CommandError") and process.stdout == b""
