"""What is left out of training is left out entirely, and measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from detection.training.configuration import read_configuration
from detection.training.corpora import TrainingText, prepare_corpora
from detection.training.leave_out import RESULTS_FILE, leave_out
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


def test_a_finished_run_is_measured_once_and_not_trained_again_for_the_same_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    rows = [row("human", "h_laws", n, domain="laws") for n in range(30)]
    rows += [row("ai", "lexeval", n, domain="legal 1", generator="gpt-4-0314") for n in range(30)]
    rows += [row("ai", "w_rewrite", n, generator="qwen-3") for n in range(10)]
    rows += [row(label, "web", n, generator="qwen-3") for label in ("human", "ai") for n in range(30)]
    write_corpus(tmp_path, rows)
    (tmp_path / "train.jsonl.xz").rename(tmp_path / "dev.jsonl.xz")
    write_corpus(tmp_path, rows)
    write_base(tmp_path / "base")
    prepare_corpora(
        data=tmp_path, tokenizer=tmp_path / "base" / "tokenizer.json", target=tmp_path / "corpora"
    )
    configuration = read_configuration()
    plan = replace(
        configuration.leave_out,
        token_budget=900,
        texts_per_class=10,
        runs={
            "both": {"families": ["GPT-4"], "areas": ["law"]},
            "alone": {"families": [], "areas": ["law"]},
        },
    )
    configuration = replace(configuration, leave_out=plan, training=tiny_plan())
    longer = replace(configuration, leave_out=replace(plan, token_budget=1200))
    trained_on: list[Sequence[TrainingText]] = []

    def remember(*, texts: Sequence[TrainingText], **rest: Any) -> Place:
        trained_on.append(texts)
        return train(texts=texts, **rest)

    monkeypatch.setattr("detection.training.leave_out.train", remember)
    folders: dict[str, Any] = {
        "data": tmp_path,
        "base": tmp_path / "base",
        "corpora": tmp_path / "corpora",
        "target": tmp_path / "runs",
    }
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
    gpt, _, law = measured
    summary = json.loads((tmp_path / "runs" / RESULTS_FILE).read_text("utf-8"))["of_each_once"]
    assert summary["mean_auroc"] == pytest.approx((gpt["auroc"] + law["auroc"]) / 2, abs=1e-4)
    assert summary["least_auroc"] == min(gpt["auroc"], law["auroc"])

    with pytest.raises(ValueError, match="no such run: third"):
        leave_out(**folders, configuration=configuration, only=["third"])
