"""What is left out of training is left out entirely, and measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from detection.training.configuration import Configuration, read_configuration
from detection.training.corpora import TrainingText, prepare_corpora
from detection.training.errors import PipelineError
from detection.training.leave_out import RESULTS_FILE, leave_out, with_earlier_rows
from detection.training.texts import area_of, family_of
from detection.training.train import Place, train
from tests.training.made_corpora import row, tiny_plan, write_base, write_corpus


@pytest.mark.parametrize(
    ("generator", "family"),
    [
        ("deepseek-r1", "DeepSeek"),
        ("Qwen1.5-72B-Chat", "Qwen"),
        ("ChatGPT-2022/23", "GPT-3.5"),
        ("GPT-4-turbo", "GPT-4"),
        ("gemini-3-flash-preview (per translator.py)", "Gemini"),
        ("chatglm (2023)", "GLM"),
        ("belle-7b-2m (2023)", "others"),
    ],
)
def test_a_generator_belongs_to_one_family(generator: str, family: str) -> None:
    assert family_of(generator) == family


def test_areas_hold_human_and_ai_sources() -> None:
    assert area_of("h_laws", "laws and judicial interpretations") == area_of("lexeval", "legal 5_4") == "law"
    assert area_of("fewclue_csl", "CSL abstract") == area_of("cred", "C-ReD paper") == "academic"
    assert area_of("h_classical", "modern-Chinese translation of classics (史记)") == "others"


@pytest.fixture
def configuration() -> Configuration:
    """Two runs of a few steps: GPT-4 and law left out together, and law alone."""
    shipped = read_configuration()
    runs = {"both": {"families": ["GPT-4"], "areas": ["law"]}, "alone": {"families": [], "areas": ["law"]}}
    plan = replace(shipped.leave_out, token_budget=900, texts_per_class=10, runs=runs)
    return replace(shipped, leave_out=plan, training=tiny_plan())


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Any]:
    """Tiny corpora and a tiny encoder."""
    rows = [row("human", "h_laws", n, domain="laws") for n in range(30)]
    rows += [row("ai", "lexeval", n, domain="legal 1", generator="gpt-4-0314") for n in range(30)]
    rows += [row("ai", "w_rewrite", n, generator="qwen-3") for n in range(10)]
    rows += [row(label, "web", n, generator="qwen-3") for label in ("human", "ai") for n in range(30)]
    for name in ("train", "dev"):
        write_corpus(tmp_path, rows, name)
    base = tmp_path / "base"
    write_base(base)
    prepare_corpora(data=tmp_path, tokenizer=base / "tokenizer.json", target=tmp_path / "corpora")
    return {"data": tmp_path, "base": base, "corpora": tmp_path / "corpora", "target": tmp_path / "runs"}


@pytest.fixture
def trained_on(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[TrainingText]]:
    """The texts of each training."""
    seen: list[Sequence[TrainingText]] = []

    def remember(*, texts: Sequence[TrainingText], **rest: Any) -> Place:
        seen.append(texts)
        return train(texts=texts, **rest)

    monkeypatch.setattr("detection.training.leave_out.train", remember)
    return seen


def test_a_finished_run_is_measured_once_and_not_trained_again_for_the_same_budget(
    folders: dict[str, Any], configuration: Configuration, trained_on: list[Sequence[TrainingText]]
) -> None:
    longer = replace(configuration, leave_out=replace(configuration.leave_out, token_budget=1200))
    for plan_now, only in ((configuration, ["both"]), (configuration, []), (longer, ["alone"])):
        measured = leave_out(**folders, configuration=plan_now, only=only)
    assert [{text.source for text in texts} for texts in trained_on] == [{"web"}] * 3
    assert [row["name"] for row in measured] == ["law"]  # no other run has read so much

    measured = leave_out(**folders, configuration=configuration)
    assert len(trained_on) == 3
    assert [(r["left_out"], r["name"], r["beside"]) for r in measured] == [
        ("generators", "GPT-4", ["law"]),
        ("area", "law", ["GPT-4"]),
        ("area", "law", []),
    ]
    assert all(r["human_texts"] and r["ai_texts"] for r in measured)
    gpt, beside, law = measured
    assert gpt["recipe"] == beside["recipe"] != law["recipe"]
    summary = json.loads((folders["target"] / RESULTS_FILE).read_text("utf-8"))["of_each_once"]
    assert summary["mean_auroc"] == pytest.approx((gpt["auroc"] + law["auroc"]) / 2, abs=1e-4)
    assert summary["least_auroc"] == min(gpt["auroc"], law["auroc"])

    with pytest.raises(PipelineError, match="no such run: third"):
        leave_out(**folders, configuration=configuration, only=["third"])


def test_rows_of_another_recipe_are_refused_before_anything_is_trained(
    folders: dict[str, Any], configuration: Configuration, trained_on: list[Sequence[TrainingText]]
) -> None:
    leave_out(**folders, configuration=configuration, only=["alone"])
    plan = configuration.leave_out
    both = plan.runs["both"]
    for changes in (
        {"learning_rate": 1e-3},
        {"texts_per_class": 9},
        {"runs": {"both": both, "alone": {"families": ["Qwen"], "areas": ["law"]}}},
    ):
        changed = replace(configuration, leave_out=replace(plan, **changes))
        with pytest.raises(PipelineError, match=r"alone/900-leave-out\.json is by another recipe"):
            leave_out(**folders, configuration=changed)
    write_corpus(folders["data"], [row("human", "web", n) for n in range(10)], "dev")
    with pytest.raises(PipelineError, match="is by another recipe"):
        leave_out(**folders, configuration=configuration)
    assert len(trained_on) == 1


def test_rows_without_a_recipe_are_read_and_say_so(
    folders: dict[str, Any], configuration: Configuration, trained_on: list[Sequence[TrainingText]]
) -> None:
    (row,) = leave_out(**folders, configuration=configuration, only=["alone"])
    results = folders["target"] / "alone" / f"900-{RESULTS_FILE}"
    content = json.loads(results.read_text("utf-8"))
    assert content["recipe"] == row["recipe"]
    results.write_text(json.dumps({**content, "recipe": None}), "utf-8")
    measured = leave_out(**folders, configuration=configuration, only=["alone"])
    assert measured == [{**row, "recipe": None}]
    assert json.loads((folders["target"] / RESULTS_FILE).read_text("utf-8"))["rows"] == measured
    assert len(trained_on) == 1


def result(name: str, *beside: str, auroc: float) -> dict[str, Any]:
    return {"name": name, "beside": list(beside), "auroc": auroc, "tpr_at_1_percent_fpr": 0.5}


def test_rows_of_earlier_runs_stay_in_the_report_without_their_files(tmp_path: Path) -> None:
    results, report = tmp_path / "leave-out.json", tmp_path / "evaluation.json"
    assert with_earlier_rows(results, report) is None
    together, alone = result("law", "GPT-4", auroc=0.9), result("news", auroc=0.8)
    before = {"token_budget": 900, "rows": [together, alone], "of_each_once": {}}
    report.write_text(json.dumps({"leave_out": before}), "utf-8")
    assert with_earlier_rows(results, report) == before
    again, new = result("news", auroc=0.85), result("law", auroc=0.95)
    results.write_text(json.dumps({"token_budget": 900, "rows": [again, new]}), "utf-8")
    merged = with_earlier_rows(results, report)
    assert merged is not None
    assert merged["rows"] == [together, again, new]
    assert merged["of_each_once"]["mean_auroc"] == pytest.approx(0.9)  # of law alone, and news
    assert merged["of_each_once"]["least_auroc"] == 0.85


def test_rows_of_runs_of_another_length_do_not_stay_beside_new_ones(tmp_path: Path) -> None:
    results, report = tmp_path / "leave-out.json", tmp_path / "evaluation.json"
    before = {"token_budget": 900, "rows": [result("news", auroc=0.8)]}
    report.write_text(json.dumps({"leave_out": before}), "utf-8")
    new = {"token_budget": 9_000, "rows": [result("law", auroc=0.9)]}
    results.write_text(json.dumps(new), "utf-8")
    assert with_earlier_rows(results, report) == new
