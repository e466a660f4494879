"""A model folder is exchanged for a whole one or stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from detection.engine import Manifest, read_manifest
from detection.scoring.calibration import CALIBRATION_FILE
from detection.training.export import ExportError, export_model
from tests.training.made_corpora import write_base

Export = Callable[..., Manifest]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Exports a tiny model into the folder `shipped/model` of `tmp_path`."""
    write_base(tmp_path / "base", "bert-base")
    usual: dict[str, Any] = {
        "base": tmp_path / "base",
        "tokenizer": tmp_path / "base" / "tokenizer.json",
        "target": tmp_path / "shipped" / "model",
        "name": "m",
        "version": "1",
        "description": "",
    }
    return lambda **changes: export_model(**{**usual, **changes})


@pytest.fixture
def shipped(tmp_path: Path, export: Export) -> Path:
    """A model folder with a calibration, and a file of somebody's beside."""
    folder = tmp_path / "shipped" / "model"
    export()
    (folder / CALIBRATION_FILE).write_text("fitted", "utf-8")
    (folder / "notes.txt").write_text("kept", "utf-8")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Of it and of all that lies beside it."""
    return {str(path): path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()}


def test_an_export_takes_the_place_of_a_model_and_of_its_calibration(
    shipped: Path, export: Export, tmp_path: Path
) -> None:
    manifest = export(version="2")
    assert read_manifest(shipped) == manifest
    assert manifest.version == "2"
    assert not (shipped / CALIBRATION_FILE).exists()
    assert (shipped / "notes.txt").read_text("utf-8") == "kept"
    assert list(shipped.parent.iterdir()) == [shipped]


def test_a_model_is_exported_over_itself(shipped: Path, export: Export) -> None:
    before = (shipped / "model.safetensors").read_bytes()
    export(base=shipped, tokenizer=shipped / "tokenizer.json", mean_with=[shipped])
    assert (shipped / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("lacking", ["config.json", "model.safetensors", "tokenizer.json", "checkpoint.pt"])
def test_where_something_is_missing_the_model_stays_as_it_was(
    shipped: Path, export: Export, tmp_path: Path, lacking: str
) -> None:
    before = contents(shipped)
    (tmp_path / "base" / lacking).unlink(missing_ok=True)
    changes = {"checkpoint": tmp_path / "base" / lacking} if lacking == "checkpoint.pt" else {}
    with pytest.raises(FileNotFoundError):
        export(**changes)
    assert contents(shipped) == before


def test_where_the_new_one_is_too_large_the_model_stays_as_it_was(shipped: Path, export: Export) -> None:
    before = contents(shipped)
    with pytest.raises(ExportError, match=r"model: .* bytes, more than 1,000"):
        export(most_bytes=1000)
    assert contents(shipped) == before


def test_where_the_new_one_cannot_take_its_place_the_model_stays_as_it_was(
    shipped: Path, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(shipped)
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if target == shipped and path.name != "before":
            raise PermissionError(target)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(PermissionError):
        export()
    assert contents(shipped) == before
