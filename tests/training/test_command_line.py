"""What its user can put right ends a command in one line that says how; a bug still shows where it is."""

from __future__ import annotations

import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from detection.training.__main__ import main
from detection.training.configuration import SHIPPED
from detection.training.corpora import TEXTS_FILE, TOKENS_FILE
from detection.training.mining import DOUBTS_FILE
from detection.training.packages.archives import PackageError
from detection.training.texts import PACKAGES_FILE

Command = Callable[..., str]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command that fails, in a folder with `data` and `work`; returns what it says."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        monkeypatch.setattr("sys.argv", ["detection.training", "--work", "work", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 2
        said = capsys.readouterr().err
        assert "Traceback" not in said
        return said.splitlines()[-1]

    return run


def lay(*things: str) -> None:
    """Empty files where commands look for these."""
    work = Path("work")
    folders = {"base": work / "base", "final": work / "run" / "final", "start": Path("start")}
    for thing in things:
        if thing in folders:
            folders[thing].mkdir(parents=True)
            for name in ("config.json", "model.safetensors", "tokenizer.json"):
                (folders[thing] / name).touch()
        elif thing == "data":
            Path("data").mkdir()
            for name in ("train", "dev", "dev_ood", "dev_fpr"):
                lzma.open(Path("data") / f"{name}.jsonl.xz", "w").close()
        elif thing == "corpora":
            (work / "corpora").mkdir(parents=True)
            (work / "corpora" / TEXTS_FILE).touch()
            np.save(work / "corpora" / TOKENS_FILE, np.zeros(1, dtype=np.int32))
        elif thing == "doubts":
            np.save(work / DOUBTS_FILE, np.zeros(0, dtype=np.float32))
        else:
            (work / thing).touch()


@pytest.mark.parametrize(
    ("there", "words", "said"),
    [
        ("", "packages", "data/dev.jsonl.xz is missing: --data or ZHENWEN_CORPORA_DIR names its folder"),
        ("", "corpora", "data/train.jsonl.xz is missing: --data or ZHENWEN_CORPORA_DIR names its folder"),
        ("data", "copies", "work/packages.jsonl.xz is missing: run `packages` first"),
        ("data", "corpora", "work/base/tokenizer.json is missing: run `base` first"),
        ("", "mine --start start", "start/config.json is missing"),
        ("start base", "mine --start start", "work/corpora/texts.jsonl is missing: run `corpora` first"),
        ("", "train", "work/base/config.json is missing: run `base` first"),
        ("", "train --start start", "start/config.json is missing"),
        ("base", "train", "work/corpora/texts.jsonl is missing: run `corpora` first"),
        ("base", "train --teacher start", "start/config.json is missing"),
        ("base corpora", "train", "work/doubts.npy is missing: run `mine` first"),
        ("base corpora doubts", "train", "teacher_share is 0.6 .*: a teacher is needed (--teacher)"),
        ("data", "leave-out", "work/base/config.json is missing: run `base` first"),
        ("data base corpora", "leave-out --only ninth", "no such run: ninth; there are first, .*"),
        ("", "export", "work/run/final/config.json is missing: run `train` first"),
        ("base", "export --checkpoint c.pt", "c.pt is missing"),
        ("final", "export --mean-with start", "start/config.json is missing"),
        ("final", "export", "work/base/tokenizer.json is missing: run `base` first"),
        ("data", "calibrate --model m", "work/packages.jsonl.xz is missing: run `packages` first"),
        (f"data base {PACKAGES_FILE}", "calibrate --model m", "m: no such model folder"),
        ("data", "quantise --model m", "m: no such model folder"),
        ("data", "evaluate --model m --card c.md", "c.md is missing"),
        ("", "--config no.toml train", "no.toml: no such configuration"),
    ],
)
def test_a_command_says_what_it_lacks_and_where_it_comes_from(
    command: Command, there: str, words: str, said: str
) -> None:
    lay(*there.split())
    assert_says(command(*words.split()), said)
    assert Path("work/corpora").exists() == ("corpora" in there)
    assert not Path("m").exists()


def assert_says(line: str, said: str) -> None:
    """`.*` in `said` stands for anything."""
    parts = said.split(".*")
    assert line.startswith(f"python -m detection.training: error: {parts[0]}")
    assert line.endswith(parts[-1])


def test_a_wrong_configuration_is_named(command: Command) -> None:
    text = SHIPPED.read_text("utf-8")
    Path("huge.toml").write_text(text.replace('"roformer-small"', '"roformer-huge"'), "utf-8")
    Path("lacking.toml").write_text(text.replace("dropout = 0.0", ""), "utf-8")
    assert_says(command("--config", "huge.toml", "base"), "roformer-huge: no such encoder; roformer-small.*")
    assert_says(command("--config", "lacking.toml", "train"), "lacking.toml: [training] lacks dropout")


def test_what_a_client_says_of_a_package_is_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(**_: Any) -> None:
        raise PackageError("tales 1 cannot be downloaded: E: first\nE: second")

    monkeypatch.setattr("detection.training.packages.collect.collect", failing)
    lay("data")
    assert_says(command("packages"), "tales 1 cannot be downloaded: E: first E: second")


def test_a_mistake_of_the_program_stays_one(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(**_: Any) -> None:
        raise KeyError("tokens")

    monkeypatch.setattr("detection.training.corpora.prepare_corpora", mistaken)
    lay("data", "base")
    with pytest.raises(KeyError, match="tokens"):
        command("corpora")
