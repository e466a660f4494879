"""What is left out of training is left out entirely, and measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from detection.training.configuration import read_configuration
from detection.training.corpora import prepare_corpora
from detection.training.leave_out import RESULTS_FILE, Learner, leave_out
from detection.training.texts import area_of, family_of
from detection.training.train import FINAL_FOLDER, Place, train
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
def learner(tmp_path: Path) -> Callable[..., Learner]:
    """What a tiny model of this encoder learns where GPT-4 and law are left out; corpora to learn from."""
    rows = [row("human", "h_laws", n, domain="laws") for n in range(30)]
    rows += [row("ai", "lexeval", n, domain="legal 1", generator="gpt-4-0314") for n in range(30)]
    rows += [row("ai", "w_rewrite", n, generator="qwen-3") for n in range(10)]
    rows += [row(label, "web", n, generator="qwen-3") for label in ("human", "ai") for n in range(30)]
    for name in ("train", "dev"):
        write_corpus(tmp_path, rows, name)
    write_base(tmp_path / "roformer-small")
    prepare_corpora(
        data=tmp_path, tokenizer=tmp_path / "roformer-small" / "tokenizer.json", target=tmp_path / "corpora"
    )

    def made(encoder: str = "roformer-small", **training: Any) -> Learner:
        write_base(tmp_path / encoder, encoder)
        shipped = read_configuration()
        runs = {"only": {"families": ["GPT-4"], "areas": ["law"]}}
        plan = replace(shipped.leave_out, texts_per_class=10, runs=runs, training=training)
        return Learner(tmp_path / encoder, replace(shipped, leave_out=plan, training=tiny_plan()))

    return made


Trainings = list[dict[str, Any]]


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Trainings:
    """What `train` is called with."""
    calls: Trainings = []

    def remember(**what: Any) -> Place:
        calls.append(what)
        return train(**what)

    monkeypatch.setattr("detection.training.leave_out.train", remember)
    return calls


def test_a_finished_run_is_measured_once_and_not_trained_again_for_the_same_budget(
    tmp_path: Path, learner: Callable[..., Learner], trainings: Trainings
) -> None:
    usual, longer = learner(token_budget=900), learner(token_budget=1200)
    for pupil in (usual, usual, longer):
        measured = leave_out(
            data=tmp_path, corpora=tmp_path / "corpora", target=tmp_path / "runs", pupil=pupil
        )
    assert [training["plan"].token_budget for training in trainings] == [900, 1200]
    assert {text.source for text in trainings[0]["texts"]} == {"web"}
    assert [(r["left_out"], r["name"]) for r in measured] == [("generators", "GPT-4"), ("area", "law")]
    assert all(r["human_texts"] and r["ai_texts"] for r in measured)
    assert (tmp_path / "runs" / RESULTS_FILE).exists()


def test_a_teacher_has_not_seen_either_what_is_left_out(
    tmp_path: Path, learner: Callable[..., Learner], trainings: Trainings
) -> None:
    leave_out(
        data=tmp_path,
        corpora=tmp_path / "corpora",
        target=tmp_path / "runs",
        pupil=learner(token_budget=900, teacher_share=0.8),
        teacher=learner("bert-base", token_budget=600),
    )
    teacher, pupil = trainings
    assert (teacher["base"].name, pupil["base"].name) == ("bert-base", "roformer-small")
    assert pupil["teachers"] == [teacher["target"] / FINAL_FOLDER]
    assert {text.source for training in trainings for text in training["texts"]} == {"web"}
    budgets = json.loads((tmp_path / "runs" / RESULTS_FILE).read_text("utf-8"))
    assert (budgets["teacher_token_budget"], budgets["token_budget"]) == (600, 900)


def test_a_teacher_nobody_listens_to_is_an_error(tmp_path: Path, learner: Callable[..., Learner]) -> None:
    with pytest.raises(ValueError, match="teacher_share is 0"):
        leave_out(
            data=tmp_path,
            corpora=tmp_path / "corpora",
            target=tmp_path / "runs",
            pupil=learner(token_budget=900),
            teacher=learner("bert-base", token_budget=600),
        )
