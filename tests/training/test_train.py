"""Training goes on where it stopped, as if it had not stopped."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import binary_cross_entropy_with_logits as bce  # noqa: E402

from detection.training.batches import Batch  # noqa: E402
from detection.training.configuration import TrainingPlan  # noqa: E402
from detection.training.corpora import prepare_corpora, read_corpora  # noqa: E402
from detection.training.errors import PipelineError  # noqa: E402
from detection.training.export import ExportError, export_model, mean_state  # noqa: E402
from detection.training.reading import token_odds  # noqa: E402
from detection.training.recipe import training_recipe  # noqa: E402
from detection.training.teaching import Teachers  # noqa: E402
from detection.training.train import (  # noqa: E402
    CHECKPOINT_FILE,
    FINAL_FOLDER,
    Place,
    Run,
    rate_factor,
    train,
)
from tests.training.made_corpora import WORDS, row, tiny_plan, write_base, write_corpus  # noqa: E402

RunTraining = Callable[..., Place]


@pytest.fixture(params=["roformer-small", "bert-base"])
def run_training(tmp_path: Path, request: pytest.FixtureRequest) -> RunTraining:
    """Train into a folder of this name under `tmp_path`, from one tiny base and corpus."""
    rows = [row(label, label, number) for label in ("human", "ai") for number in range(30)]
    write_corpus(tmp_path, rows)
    write_base(tmp_path / "base", request.param)
    tokenizer = tmp_path / "base" / "tokenizer.json"
    prepare_corpora(data=tmp_path, tokenizer=tokenizer, target=tmp_path / "corpora")

    def run(
        name: str,
        plan: TrainingPlan,
        most_steps: int | None = None,
        teachers: Sequence[Path] = (),
        legal_teachers: Sequence[Path] = (),
        doubts: Any = None,
        texts: slice = slice(None),
    ) -> Place:
        return train(
            plan=plan,
            base=tmp_path / "base",
            texts=read_corpora(tmp_path / "corpora")[texts],
            doubts=doubts,
            target=tmp_path / name,
            teachers=teachers,
            legal_teachers=legal_teachers,
            most_steps=most_steps,
        )

    return run


def test_a_resumed_training_ends_with_the_same_weights(run_training: RunTraining, tmp_path: Path) -> None:
    plan = tiny_plan()
    straight = run_training("straight", plan, most_steps=4)
    run_training("halves", plan, most_steps=2)
    resumed = run_training("halves", plan, most_steps=2)
    assert replace(resumed, seconds=0.0) == replace(straight, seconds=0.0)
    assert straight.step == 4
    contents = [
        torch.load(tmp_path / run / CHECKPOINT_FILE, weights_only=True) for run in ("straight", "halves")
    ]
    for part in ("model", "ema"):
        assert contents[0][part]
        for name, value in contents[0][part].items():
            assert torch.equal(value, contents[1][part][name]), f"{part} {name}"


def test_training_moves_the_weights_and_keeps_the_average_apart(
    run_training: RunTraining, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    run_training("run", tiny_plan(), most_steps=3)
    before = load_file(tmp_path / "base" / "model.safetensors")
    final = load_file(tmp_path / "run" / FINAL_FOLDER / "model.safetensors")
    content = torch.load(tmp_path / "run" / CHECKPOINT_FILE, weights_only=True)
    moved = [n for n in final if n.endswith("query.weight") and not torch.equal(final[n], before[n])]
    assert moved
    assert all(torch.equal(final[n], content["ema"][n]) for n in content["ema"])
    assert any(not torch.equal(content["ema"][n], content["model"][n]) for n in content["ema"])


def test_training_ends_with_its_budget_of_tokens(run_training: RunTraining) -> None:
    plan = tiny_plan(token_budget=1500)
    place = run_training("run", plan)
    assert 1500 <= place.tokens < 1500 + plan.batch_tokens
    assert run_training("run", plan).step == place.step


def test_the_learning_rate_rises_falls_and_never_vanishes() -> None:
    plan = tiny_plan(token_budget=100_000, batch_tokens=100)
    rates = [rate_factor(plan, Place(tokens=tokens)) for tokens in (0, 1000, 50_000, 99_999, 200_000)]
    assert rates[0] < 0.1 < rates[1] < 1
    assert rates[2] == pytest.approx(0.5)
    assert rates[3] == rates[4] == pytest.approx(0.02)


def test_the_learning_rate_falls_with_the_time_where_that_ends_the_run() -> None:
    plan = tiny_plan(token_budget=100_000, batch_tokens=100, minutes=10.0)
    rates = [rate_factor(plan, Place(tokens=10_000, seconds=seconds)) for seconds in (0.0, 300.0, 599.0)]
    assert rates == pytest.approx([0.9, 0.5, 0.02], abs=0.001)


def test_without_a_teacher_labels_alone_count_and_by_its_word_alone_none_does() -> None:
    """The first row is one author's, the second spliced; the teacher's odds differ from token to token."""
    ids = torch.ones(2, 4, dtype=torch.long)
    labels = torch.tensor([[0.0] * 4, [0.0, 0.0, 1.0, 1.0]])
    batch = Batch(ids, ids, ids.float(), labels, torch.tensor([1.0, 0.0]))
    opinion = torch.tensor([[3.0, -1.0, 2.0, 0.0], [1.0, 1.0, -2.0, 4.0]])
    plan = tiny_plan(label_smoothing=0.0, token_loss=0.6)

    def loss(share: float, *teachers: Any) -> float:
        torch.manual_seed(5)
        listened = Teachers(general=teachers, legal=(), words=()) if teachers else None
        run = Run(Guesser(), replace(plan, teacher_share=share), "cpu", listened)
        return float(run.loss(batch).detach())

    torch.manual_seed(5)
    odds = token_odds(Run(Guesser(), plan, "cpu").model, batch).detach()

    def wanted(tokens: Any, segment: Any) -> float:
        per_token = bce(odds, tokens, reduction="none").mean(1)
        of_segment = bce(odds[0].mean(), segment)
        return float((of_segment + 0.6 * per_token[0] + per_token[1]) / 2)

    teacher = Speaker(opinion)
    by_labels = wanted(labels, torch.tensor(0.0))
    by_teacher = wanted(opinion.sigmoid(), opinion[0].mean().sigmoid())
    assert loss(0.0) == pytest.approx(by_labels, rel=1e-4)
    assert loss(1.0, teacher) == pytest.approx(by_teacher, rel=1e-4)
    assert loss(0.25, teacher) == pytest.approx(0.75 * by_labels + 0.25 * by_teacher, rel=1e-4)
    assert loss(1.0, Speaker(2 * opinion), Speaker(0 * opinion)) == pytest.approx(by_teacher, rel=1e-4)
    assert by_labels != pytest.approx(by_teacher, rel=0.05)


def test_on_legal_texts_their_own_teachers_are_heard() -> None:
    words = ["", "原告", "被告", "天", "地"]
    ids = torch.tensor([[3, 4, 3, 4], [1, 3, 2, 4], [4, 4, 4, 4]])
    batch = Batch(ids, torch.ones(3, 4), torch.ones(3, 4), torch.zeros(3, 4), torch.ones(3))
    general = Speaker(torch.arange(12.0).reshape(3, 4))
    legal = [Speaker(torch.full((1, 4), odds)) for odds in (-2.0, -4.0)]
    opinion = Teachers([general], legal, words).opinion(batch)
    assert opinion.tolist() == [[0, 1, 2, 3], [-3] * 4, [8, 9, 10, 11]]
    assert Teachers([general], [], words).opinion(batch)[1].tolist() == [4, 5, 6, 7]


@pytest.mark.parametrize("run_training", ["roformer-small"], indirect=True)
def test_a_teacher_of_legal_texts_needs_one_of_all_others(run_training: RunTraining, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a teacher of all that is no legal text is needed"):
        run_training("taught", tiny_plan(), most_steps=1, legal_teachers=[tmp_path / "base"])


@pytest.mark.parametrize("run_training", ["roformer-small"], indirect=True)
def test_one_architecture_teaches_another_and_is_not_changed(
    run_training: RunTraining, tmp_path: Path
) -> None:
    write_base(tmp_path / "teacher", "bert-base")
    before = (tmp_path / "teacher" / "model.safetensors").read_bytes()
    teacher = [tmp_path / "teacher"]
    plan = tiny_plan(teacher_share=0.5)
    run_training("taught", plan, most_steps=3, teachers=teacher, legal_teachers=teacher)
    run_training("alone", tiny_plan(), most_steps=3)
    ends = [torch.load(tmp_path / name / CHECKPOINT_FILE, weights_only=True) for name in ("taught", "alone")]
    assert set(ends[0]["model"]) == set(ends[1]["model"])
    assert any(not torch.equal(ends[0]["model"][n], ends[1]["model"][n]) for n in ends[0]["model"])
    assert (tmp_path / "teacher" / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("run_training", ["roformer-small"], indirect=True)
def test_a_teacher_that_reads_by_other_words_is_refused(run_training: RunTraining, tmp_path: Path) -> None:
    write_base(tmp_path / "teacher", "bert-base", words=[*WORDS[:-1], "海"])
    with pytest.raises(ValueError, match="reads by other words than its pupil"):
        run_training("taught", tiny_plan(teacher_share=0.5), most_steps=1, teachers=[tmp_path / "teacher"])


@pytest.mark.parametrize("run_training", ["roformer-small"], indirect=True)
def test_a_plan_that_listens_to_a_teacher_needs_one(run_training: RunTraining, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"teacher_share is 0\.5 .* a teacher is needed"):
        run_training("taught", tiny_plan(teacher_share=0.5), most_steps=1)
    with pytest.raises(ValueError, match=r"teacher_share is 0 .* no teacher would be listened to"):
        run_training("taught", tiny_plan(), most_steps=1, teachers=[tmp_path / "base"])


@pytest.mark.parametrize("run_training", ["roformer-small"], indirect=True)
@pytest.mark.parametrize(
    "changes",
    [
        {"plan": tiny_plan(batch_tokens=800)},
        {"plan": tiny_plan(seed=43)},
        {"plan": tiny_plan(token_budget=30_000)},  # by which the rate falls
        {"doubts": np.zeros(60, dtype=np.float32)},  # one for each text
        {"texts": slice(1, None)},
    ],
)
def test_a_training_does_not_go_on_from_the_checkpoint_of_another(
    run_training: RunTraining, tmp_path: Path, changes: dict[str, Any]
) -> None:
    run_training("run", tiny_plan(), most_steps=1)
    before = (tmp_path / "run" / CHECKPOINT_FILE).read_bytes()
    with pytest.raises(PipelineError, match=r"run/checkpoint\.pt is of another training .*--work, or delete"):
        run_training("run", **{"plan": tiny_plan(), "most_steps": 1, **changes})
    assert (tmp_path / "run" / CHECKPOINT_FILE).read_bytes() == before


@pytest.mark.parametrize("run_training", ["roformer-small"], indirect=True)
def test_a_training_goes_on_however_often_it_is_saved(run_training: RunTraining) -> None:
    run_training("run", tiny_plan(minutes=600.0), most_steps=1)
    saved_oftener = tiny_plan(minutes=600.0, checkpoint_minutes=1.0)
    assert run_training("run", saved_oftener, most_steps=1).step == 2


def test_a_training_by_another_clock_is_refused_for_its_rate_falls_otherwise(
    run_training: RunTraining,
) -> None:
    run_training("run", tiny_plan(minutes=600.0), most_steps=1)
    with pytest.raises(PipelineError, match="another training"):
        run_training("run", tiny_plan(minutes=900.0), most_steps=1)


@pytest.mark.parametrize("run_training", ["roformer-small"], indirect=True)
def test_a_recipe_knows_first_weights_and_teachers_by_what_is_in_them(
    run_training: RunTraining, tmp_path: Path
) -> None:
    first, other, copy = (tmp_path / name for name in ("base", "other", "copy"))
    write_base(other, "bert-base")
    shutil.copytree(other, copy)
    given: dict[str, Any] = {"plan": tiny_plan(), "texts": read_corpora(tmp_path / "corpora"), "base": first}
    recipes = [
        training_recipe(**{**given, **changes})
        for changes in (
            {},
            {"base": other},
            {"teachers": [other]},
            {"teachers": [other], "legal_teachers": [first]},
            {"teachers": [other], "legal_teachers": [other]},
        )
    ]
    assert len(set(recipes)) == len(recipes)
    assert training_recipe(**{**given, "base": copy}) == recipes[1]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("run_training", ["roformer-small"], indirect=True)
def test_a_training_fed_by_processes_resumes_in_a_pool_and_at_its_end(
    run_training: RunTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = tiny_plan(token_budget=100_000)
    straight = run_training("straight", plan, most_steps=80)
    monkeypatch.setattr("detection.training.train._processes", lambda _device: 2)
    steps = 0
    while steps < 80:  # one by one over the end of the first pool
        most = 30 if steps < 30 else 1 if steps < 40 else 40
        steps = run_training("parts", plan, most_steps=most).step
    assert straight.pool > 0
    ends = [torch.load(tmp_path / run / CHECKPOINT_FILE, weights_only=True) for run in ("straight", "parts")]
    assert ends[0]["place"]["tokens"] == ends[1]["place"]["tokens"]
    for name, value in ends[0]["model"].items():
        assert torch.equal(value, ends[1]["model"][name]), name


@pytest.mark.parametrize("run_training", ["bert-base"], indirect=True)
def test_a_checkpoint_becomes_a_model_folder_that_loads(run_training: RunTraining, tmp_path: Path) -> None:
    from detection.engine import load_model_folder
    from detection.scoring.types import SegmentInput

    run_training("run", tiny_plan(), most_steps=2)
    common: dict[str, Any] = {"tokenizer": tmp_path / "base" / "tokenizer.json", "name": "m", "version": "1"}
    of_checkpoint = export_model(
        base=tmp_path / "base",
        checkpoint=tmp_path / "run" / CHECKPOINT_FILE,
        target=tmp_path / "a",
        description="",
        **common,
    )
    of_final = export_model(
        base=tmp_path / "run" / FINAL_FOLDER, target=tmp_path / "b", description="", **common
    )
    weights = "model.safetensors"
    assert of_checkpoint.files[weights] == of_final.files[weights]
    text = "天地人你我他山水。"
    (score,) = load_model_folder(tmp_path / "a").score([SegmentInput(text, (len(text),))])
    assert abs(score.logit) < 20
    with pytest.raises(ExportError, match="more than 1,000"):
        export_model(
            base=tmp_path / "run" / FINAL_FOLDER,
            target=tmp_path / "c",
            description="",
            most_bytes=1000,
            **common,
        )


def test_the_mean_of_two_models_lies_between_their_weights() -> None:
    first = {"weight": torch.tensor([1.0, 3.0]), "count": torch.tensor(2)}
    second = {"weight": torch.tensor([2.0, -3.0]).half(), "count": torch.tensor(2)}
    assert mean_state([first, second])["weight"].tolist() == [1.5, 0.0]
    with pytest.raises(ExportError, match="different builds"):
        mean_state([first, {"weight": torch.tensor([1.0])}])


class Guesser(torch.nn.Module):  # type: ignore[name-defined,misc]
    """The least that `Run` can train."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.classifier = torch.nn.Embedding(20, 4), torch.nn.Linear(4, 2)

    def forward(self, input_ids: Any, attention_mask: Any) -> SimpleNamespace:
        return SimpleNamespace(logits=self.classifier(self.words(input_ids) * attention_mask[..., None]))


class Speaker(torch.nn.Module):  # type: ignore[name-defined,misc]
    """A teacher with an opinion of its own of every token."""

    def __init__(self, odds: Any) -> None:
        super().__init__()
        self.odds = odds

    def forward(self, input_ids: Any, attention_mask: Any) -> SimpleNamespace:
        return SimpleNamespace(logits=torch.stack((torch.zeros_like(self.odds), self.odds), dim=-1))


def test_a_step_happens_on_one_device_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device "meta" stands for a GPU: what lies on the CPU cannot be mixed with it."""
    adamw = torch.optim.AdamW
    monkeypatch.setattr(torch.optim, "AdamW", lambda *given, fused: adamw(*given))  # meta has no fused one
    run = Run(Guesser(), tiny_plan(), "meta")
    ids = torch.ones(2, 8, dtype=torch.long)
    run.step(Batch(ids, ids, ids.float(), ids.float(), torch.ones(2)), Place())
    kept = [*run.weights.values(), *run.average.values(), *run.losses]
    assert {tensor.device.type for tensor in kept} == {"meta"}


def test_a_batch_read_in_parts_moves_the_weights_as_one_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = torch.tensor([[1, 2, 3, 4]] * 5)
    labels = torch.tensor([[0.0] * 4, [1.0] * 4, [0.0, 0.0, 1.0, 1.0], [1.0] * 4, [0.0] * 4])
    batch = Batch(ids, ids, ids.float(), labels, torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0]))
    monkeypatch.setattr("detection.training.train.fast_type", lambda _: torch.float32)

    def trained(tokens_at_once: int) -> tuple[list[int], Run]:
        monkeypatch.setattr("detection.training.train._CPU_TOKENS", tokens_at_once)
        torch.manual_seed(5)
        run = Run(Guesser(), tiny_plan(), "cpu")
        read: list[int] = []
        loss = run.loss

        def counted(part: Batch) -> Any:
            read.append(len(part.input_ids))
            return loss(part)

        monkeypatch.setattr(run, "loss", counted)
        run.step(batch, Place())
        return read, run

    (at_once, whole), (in_parts, parts) = trained(20), trained(8)
    assert (at_once, in_parts) == ([5], [2, 2, 1])
    assert float(parts.losses[0]) == pytest.approx(float(whole.losses[0]), rel=1e-5)
    for name, value in whole.weights.items():
        assert torch.allclose(parts.weights[name], value, atol=1e-6), name
