"""What the commands calibrate and evaluate make of a model folder: every table, the report and the card."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from detection.engine import write_manifest
from detection.training.attacks import ATTACKS
from detection.training.calibrate import calibrate
from detection.training.card import BEGINNING, END
from detection.training.configuration import Configuration, read_configuration
from detection.training.errors import PipelineError
from detection.training.evaluate import evaluate
from detection.training.export import export_model
from detection.training.texts import (
    AI,
    HUMAN,
    MEASURED_PACKAGES_FILE,
    PACKAGES_FILE,
    CorpusText,
    is_for_calibration,
    read_texts,
)
from tests.training.made_corpora import made_text, row, write_base, write_corpus

KNOWN = (("human", "h_thuc"), ("human", "cred"), ("ai", "cred"))
UNSEEN = (("human", "mokawa_nonqa"), ("ai", "factool_zh"))
HARD = (("human", "theses"), ("human", "h_rmrb98"))
FILES = {
    "train": KNOWN,
    "packages": (("human", "p_tales"),),
    "dev": (*KNOWN, ("refined", "hppt_zh_polished")),
    "dev_ood": UNSEEN,
    "dev_fpr": HARD,
    "dev_packages": UNSEEN,
}
TEXTS = 24  # of each source


@pytest.fixture
def configuration() -> Configuration:
    usual = read_configuration()
    return replace(
        usual,
        model=replace(usual.model, is_shipped=False),
        calibration=replace(usual.calibration, passages=1),
        evaluation=replace(usual.evaluation, dev_texts_per_source=6, splices=6, papers=1),
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for name, sources in FILES.items():
        write_corpus(folder, [made_row(name, *source, n) for source in sources for n in range(TEXTS)], name)
    write_corpus(folder, [made_row("written", "ai", "w_news", n) for n in range(TEXTS)], "written")
    return folder


def made_row(name: str, label: str, source: str, number: int) -> dict[str, str]:
    text = made_text(f"{name}{label}{source}{number}", sentences=40)
    return row(label, source, number, text=text, pair=f"{name} {source} {number}", domain="C-ReD paper")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_base(tmp_path / "base")
    target = tmp_path / "model"
    export_model(
        base=tmp_path / "base",
        tokenizer=tmp_path / "base" / "tokenizer.json",
        target=target,
        name="tiny",
        version="1",
        description="tiny",
    )
    return target


def make_calibration_old(folder: Path) -> None:
    (folder / "calibration.json").write_text('{"version": 1}')
    write_manifest(folder, name="tiny", version="1", description="tiny")


def test_one_command_measures_and_reports_everything_by_texts_that_do_not_calibrate(
    tmp_path: Path, folder: Path, data: Path, configuration: Configuration
) -> None:
    card = tmp_path / "card.md"
    card.write_text(f"# A card\n\n{BEGINNING}\n{END}\n", "utf-8")
    make_calibration_old(folder)  # it is replaced
    calibrate(
        folder=folder,
        data=data,
        packages=data / PACKAGES_FILE,
        cache=tmp_path / "scores",
        configuration=configuration,
    )
    report = evaluated(tmp_path, folder, data, configuration, card)
    measured = {name: len(_measured(data, name)) for name in ("dev", "dev_fpr")}
    of_all = {
        h["set"]: h["human_texts"] + h["ai_texts"] for h in report["headline"] if not h["least_characters"]
    }
    assert of_all["dev as it comes"] == measured["dev"] < len(KNOWN) * TEXTS
    assert of_all["dev_ood"] == of_all["packages"] == len(UNSEEN) * TEXTS
    assert of_all["dev"] < of_all["dev as it comes"]
    assert sum(row["texts"] for row in report["human"]["dev_fpr"]["source"]) == measured["dev_fpr"]
    assert [row["slice"] for row in report["polished"]] == ["hppt_zh_polished: model; original not read"]
    assert sum(row["texts"] for row in report["polished"]) == TEXTS
    assert {"h_thuc", "cred"} == {cell["source"] for cell in report["cells"] if cell["set"] == "dev"}
    assert report["splices"]["documents"] > 0
    assert report["papers"]["documents"] == 1
    assert [row["attack"] for row in report["attacks"]] == ["none", *ATTACKS]
    assert json.loads((tmp_path / "docs" / "evaluation.json").read_text("utf-8")) == report
    assert "reliability.svg" in (tmp_path / "docs" / "evaluation.md").read_text("utf-8")
    assert "### Aims, and what is reached" in card.read_text("utf-8")


@pytest.mark.parametrize("missing", [PACKAGES_FILE, MEASURED_PACKAGES_FILE])
def test_a_model_that_ships_is_not_measured_without_the_texts_of_packages(
    tmp_path: Path, folder: Path, data: Path, configuration: Configuration, missing: str
) -> None:
    shipped = replace(configuration, model=replace(configuration.model, is_shipped=True))
    (data / missing).unlink()
    with pytest.raises(PipelineError, match="run `packages` first"):
        evaluated(tmp_path, folder, data, shipped)
    assert not (tmp_path / "docs").exists()


def evaluated(
    work: Path, folder: Path, data: Path, configuration: Configuration, card: Path | None = None
) -> dict[str, Any]:
    return evaluate(
        folder=folder,
        data=data,
        cache=work / "scores",
        docs=work / "docs",
        card=card,
        leave_out=work / "none",
        packages=data / PACKAGES_FILE,
        measured_packages=data / MEASURED_PACKAGES_FILE,
        written=data / "written.jsonl.xz",
        configuration=configuration,
    )


def _measured(data: Path, name: str) -> list[CorpusText]:
    texts = read_texts(data / f"{name}.jsonl.xz")
    return [text for text in texts if text.label in (HUMAN, AI) and not is_for_calibration(text)]
