"""What a model errs on is found, and shown more often when training goes on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from detection.training.augmentation import Marks  # noqa: E402
from detection.training.configuration import read_configuration  # noqa: E402
from detection.training.corpora import TrainingText, prepare_corpora, read_corpora  # noqa: E402
from detection.training.encoders.conversion import build_tokenizer  # noqa: E402
from detection.training.mining import Doubts, mine, read_doubts  # noqa: E402
from detection.training.sampling import Sampler  # noqa: E402
from tests.training.made_corpora import WORDS, row, tiny_plan, write_base, write_corpus  # noqa: E402

MARKS = Marks.of(build_tokenizer(WORDS))


@pytest.fixture
def texts(tmp_path: Path) -> list[TrainingText]:
    write_corpus(tmp_path, [row(label, label, n) for label in ("human", "ai") for n in range(20)])
    write_base(tmp_path / "base")
    tokenizer = tmp_path / "base" / "tokenizer.json"
    prepare_corpora(data=tmp_path, tokenizer=tokenizer, target=tmp_path / "corpora")
    return read_corpora(tmp_path / "corpora")


def mined(folder: Path, texts: list[TrainingText], log_odds: float, texts_per_origin: int = 100) -> Doubts:
    """By a model that gives every token these log-odds."""
    from safetensors.torch import load_file, save_file

    weights = folder / "base" / "model.safetensors"
    state = load_file(weights)
    state["classifier.weight"].zero_()
    state["classifier.bias"].copy_(torch.tensor([0.0, log_odds]))
    save_file(state, weights, metadata={"format": "pt"})
    plan = replace(read_configuration().mining, texts_per_origin=texts_per_origin)
    tokenizer = folder / "base" / "tokenizer.json"
    return mine(start=folder / "base", tokenizer=tokenizer, texts=texts, target=folder, plan=plan)


def test_a_doubt_is_what_the_model_gives_to_the_other_kind(tmp_path: Path, texts: list[TrainingText]) -> None:
    assert read_doubts(tmp_path) is None
    doubts = mined(tmp_path, texts, log_odds=1.0)
    expected = {"human": 1 / (1 + np.exp(-1)), "ai": 1 / (1 + np.exp(1))}
    assert doubts == pytest.approx([expected[text.label] for text in texts], abs=0.01)
    assert np.array_equal(doubts, read_doubts(tmp_path))  # type: ignore[arg-type]


def test_a_hopeless_ai_text_counts_no_more_than_an_open_one(
    tmp_path: Path, texts: list[TrainingText]
) -> None:
    doubts = mined(tmp_path, texts, log_odds=-4.0)
    assert doubts[[t.label == "ai" for t in texts]] == pytest.approx(0.5)


def test_a_text_that_was_not_read_has_the_mean_of_its_source(
    tmp_path: Path, texts: list[TrainingText]
) -> None:
    doubts = mined(tmp_path, texts, log_odds=1.0, texts_per_origin=3)
    assert doubts[[t.label == "human" for t in texts]] == pytest.approx(0.73, abs=0.01)


def test_what_the_model_errs_on_is_drawn_more_often() -> None:
    """A source with twice the mean weight counts twice, and its doubtful half seven times the other."""
    tokens = {"clear": 10, "doubtful": 11, "sure": 12}
    texts = [
        TrainingText(label, source, "", "weather", f"{number}", np.full(300, tokens[kind], dtype=np.int32))
        for label, source, kind in (
            ("human", "easy", "clear"),
            ("human", "hard", "doubtful"),
            ("human", "hard", "sure"),
            ("ai", "model", "clear"),
        )
        for number in range(50)
    ]
    doubts = np.array([float(text.tokens[0] == tokens["doubtful"]) for text in texts], dtype=np.float32)
    sampler = Sampler(texts, tiny_plan(doubt_weight=6.0), MARKS, doubts)
    examples = [e for e in map(sampler.example, range(2500)) if e.is_pure and e.labels[0] == 0]
    seen = Counter(int(np.bincount(e.tokens[e.tokens >= 10]).argmax()) for e in examples)
    weights = {"clear": 50**0.6, "doubtful": 100**0.6 * 4 * 7 / 8, "sure": 100**0.6 * 4 / 8}
    for kind, weight in weights.items():
        assert seen[tokens[kind]] / seen.total() == pytest.approx(weight / sum(weights.values()), abs=0.04)


def test_doubts_in_other_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="doubts in 3 texts, but there are 0: mine again"):
        Sampler([], tiny_plan(), MARKS, np.zeros(3, dtype=np.float32))
