"""What a language model makes of training texts is measured once, and foreseen in one pass with the rest."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from detection.training.configuration import read_configuration  # noqa: E402
from detection.training.corpora import TrainingText, prepare_corpora, read_corpora  # noqa: E402
from detection.training.curvature import (  # noqa: E402
    CURVATURES_FILE,
    MeasuredCrop,
    measure_curvatures,
    read_curvatures,
)
from detection.training.encoders.conversion import build_tokenizer  # noqa: E402
from detection.training.foresight import Foresight, add_head, folded  # noqa: E402
from detection.training.train import FINAL_FOLDER, train  # noqa: E402
from tests.training.made_corpora import WORDS, row, tiny_plan, write_base, write_corpus  # noqa: E402

READER_WORDS = [*WORDS, "<|endoftext|>"]


@pytest.fixture
def texts(tmp_path: Path) -> list[TrainingText]:
    write_corpus(tmp_path, [row(label, label, n) for label in ("human", "ai") for n in range(10)])
    write_base(tmp_path / "base")
    tokenizer = tmp_path / "base" / "tokenizer.json"
    prepare_corpora(data=tmp_path, tokenizer=tokenizer, target=tmp_path / "corpora")
    return read_corpora(tmp_path / "corpora")


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(4)
    small: dict[str, Any] = {
        "vocab_size": len(READER_WORDS),
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "intermediate_size": 32,
        "initializer_range": 0.5,
    }
    folder = tmp_path / "reader"
    Qwen2ForCausalLM(Qwen2Config(**small)).save_pretrained(folder)
    build_tokenizer(READER_WORDS).save(str(folder / "tokenizer.json"))
    return folder


def measured(folder: Path, reader: Path, texts: list[TrainingText], **changes: int) -> list[MeasuredCrop]:
    small = {"texts_per_origin": 6, "least_tokens": 20, "most_tokens": 40, "batch_texts": 3}
    measure_curvatures(
        reader=reader,
        tokenizer=folder / "base" / "tokenizer.json",
        data=folder,
        texts=texts,
        target=folder,
        plan=replace(read_configuration().curvature, **{**small, **changes}),
    )
    return read_curvatures(folder)


def test_a_curvature_is_the_surplus_of_likelihood_in_deviations_of_the_passage(
    tmp_path: Path, reader: Path, texts: list[TrainingText]
) -> None:
    from transformers import AutoModelForCausalLM

    assert read_curvatures(tmp_path) == []
    crop = measured(tmp_path, reader, texts)[0]
    model: Any = AutoModelForCausalLM.from_pretrained(reader, dtype=torch.bfloat16)
    # Both vocabularies number the same words alike.
    ids = torch.tensor([[READER_WORDS.index("<|endoftext|>"), *crop.tokens.tolist()]])
    with torch.inference_mode():
        log_probabilities = model(input_ids=ids).logits[0, :-1].float().log_softmax(-1)
    probabilities = log_probabilities.exp()
    expected = (probabilities * log_probabilities).sum(1)
    variance = (probabilities * log_probabilities.square()).sum(1) - expected.square()
    surplus = log_probabilities.gather(1, ids[0, 1:, None])[:, 0] - expected
    assert crop.curvatures == pytest.approx((surplus / variance.mean().sqrt()).numpy(), abs=0.05)


def test_every_source_and_generator_is_read_in_turns(
    tmp_path: Path, reader: Path, texts: list[TrainingText]
) -> None:
    crops = measured(tmp_path, reader, texts)
    assert len(crops) == 12  # six of each of two
    assert all(20 <= len(crop.tokens) <= 40 for crop in crops)
    assert all(len(crop.tokens) == len(crop.curvatures) for crop in crops)


def test_reading_goes_on_where_it_ended(tmp_path: Path, reader: Path, texts: list[TrainingText]) -> None:
    measured(tmp_path, reader, texts)
    file = tmp_path / CURVATURES_FILE
    lines = file.read_text("utf-8").splitlines(keepends=True)
    file.write_text("".join(lines[:6]), "utf-8")
    measured(tmp_path, reader, texts)
    again = file.read_text("utf-8").splitlines(keepends=True)
    assert [json.loads(line)["tokens"] for line in again] == [json.loads(line)["tokens"] for line in lines]


def test_the_folded_head_gives_the_sum_of_both() -> None:
    torch.manual_seed(5)
    classifier, curvature = torch.nn.Linear(8, 2), torch.nn.Linear(8, 1)
    state = {f"classifier.{n}": p for n, p in classifier.state_dict().items()}
    assert folded(state, 2.0).keys() == state.keys()
    one = folded({**state, **{f"curvature.{n}": p for n, p in curvature.state_dict().items()}}, 2.0)
    assert one.keys() == state.keys()
    hidden = torch.randn(5, 8)
    logits = hidden @ one["classifier.weight"].T + one["classifier.bias"]
    before = classifier(hidden)
    expected = before[:, 1] - before[:, 0] + 2.0 * curvature(hidden)[:, 0]
    assert torch.allclose(logits[:, 1] - logits[:, 0], expected, atol=1e-5)


def test_training_learns_to_foresee_and_leaves_one_head(tmp_path: Path, texts: list[TrainingText]) -> None:
    from safetensors.torch import load_file
    from transformers import AutoModelForTokenClassification

    # A curvature that the words alone decide.
    crops = [MeasuredCrop(text.tokens[:40], (text.tokens[:40] % 3 - 1).astype(np.float32)) for text in texts]
    plan = tiny_plan(learning_rate=0.01, curvature_loss=1.0, curvature_share=1.0)
    train(
        plan=plan,
        base=tmp_path / "base",
        texts=texts,
        target=tmp_path / "run",
        curvatures=crops,
        most_steps=40,
    )
    assert not any(
        "curvature" in name for name in load_file(tmp_path / "run" / FINAL_FOLDER / "model.safetensors")
    )
    model: Any = AutoModelForTokenClassification.from_pretrained(tmp_path / "base", dtype=torch.float32)
    add_head(model)
    foresight = Foresight(crops, special=(2, 3), batch_tokens=400)

    def error() -> float:
        with torch.inference_mode():
            return float(foresight.loss(model, random.Random(1)))

    untrained = error()
    content = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    model.load_state_dict({**content["model"], **content["ema"]})
    assert error() < 0.9 * untrained
