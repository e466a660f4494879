"""What every backend and every kind of model must do alike."""

from __future__ import annotations

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from detection.engine import ModelScorer, load_model_folder
from detection.scoring.types import SegmentInput
from tests.engine.conftest import CHARACTERS, SHAPES

# Half precision, and another size of batch, move a logit by this much at most.
HALF_PRECISION_TOLERANCE = 0.15
BATCH_TOLERANCE = 0.02

_loaded: dict[tuple[str, str], ModelScorer] = {}


@pytest.fixture(params=[(shape, backend) for shape in SHAPES for backend in ("openvino", "torch")], ids=str)
def scorer(request: pytest.FixtureRequest, folders: dict[str, Path]) -> ModelScorer:
    shape, backend = request.param
    if request.param not in _loaded:
        _loaded[request.param] = load_model_folder(folders[shape], backend=backend)
    return _loaded[request.param]


def segment(length: int, seed: int, sentence_count: int = 3) -> SegmentInput:
    generator = random.Random(seed)
    text = "".join(generator.choices(CHARACTERS, k=length - 1)) + "。"
    cuts = sorted(generator.sample(range(1, length), sentence_count - 1))
    return SegmentInput(text, (*cuts, length))


SEGMENTS = [
    segment(length, seed) for seed, length in enumerate([300, 5, 510, 64, 62, 63, 200, 410, 400, 120])
]


def test_one_score_per_segment_and_one_per_sentence(scorer: ModelScorer) -> None:
    scores = scorer.score(SEGMENTS)
    assert [len(score.sentence_logits) for score in scores] == [3] * len(SEGMENTS)
    assert len({score.logit for score in scores}) > 5
    assert scorer.score([]) == []


def test_the_order_of_inputs_is_the_order_of_results(scorer: ModelScorer) -> None:
    forwards, backwards = scorer.score(SEGMENTS), scorer.score(SEGMENTS[::-1])[::-1]
    for one, other in zip(forwards, backwards, strict=True):
        assert one.logit == pytest.approx(other.logit, abs=BATCH_TOLERANCE)


def test_a_segment_scores_the_same_alone_as_in_company(scorer: ModelScorer) -> None:
    together = scorer.score(SEGMENTS * 3)
    for alone, score in zip(SEGMENTS, together, strict=False):
        single = scorer.score([alone])[0]
        assert single.logit == pytest.approx(score.logit, abs=BATCH_TOLERANCE)
        assert single.sentence_logits == pytest.approx(score.sentence_logits, abs=BATCH_TOLERANCE)


def test_the_same_call_gives_the_same_bits(scorer: ModelScorer) -> None:
    assert scorer.score(SEGMENTS) == scorer.score(SEGMENTS)


def test_threads_take_turns(scorer: ModelScorer) -> None:
    expected = scorer.score(SEGMENTS)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: scorer.score(SEGMENTS), range(8)))
    assert results == [expected] * 8


@pytest.mark.parametrize(
    "text", ["", " ", "\ud7ff", "\U00020000" * 30, "א" * 40, "a" * 510, "。" * 510, "1" * 2000]
)
def test_odd_text_is_scored_all_the_same(scorer: ModelScorer, text: str) -> None:
    score = scorer.score([SegmentInput(text, (len(text),))])[0]
    assert all(abs(logit) < 1000 for logit in (score.logit, *score.sentence_logits))


@pytest.mark.parametrize("shape", SHAPES)
def test_backends_agree(folders: dict[str, Path], shape: str) -> None:
    openvino = load_model_folder(folders[shape], backend="openvino").score(SEGMENTS)
    torch = load_model_folder(folders[shape], backend="torch").score(SEGMENTS)
    for one, other in zip(openvino, torch, strict=True):
        assert one.logit == pytest.approx(other.logit, abs=HALF_PRECISION_TOLERANCE)


def test_scores_are_those_of_the_model_itself(folders: dict[str, Path]) -> None:
    """Against transformers' own forward pass in single precision, token by token."""
    import torch
    from tokenizers import Tokenizer
    from transformers import RoFormerForTokenClassification

    folder = folders["roformer_tokens"]
    model: Any = RoFormerForTokenClassification.from_pretrained(folder)
    model.eval()
    given = SEGMENTS[0]
    encoding = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(given.text)
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([encoding.ids])).logits[0].float()
    odds = (logits[:, 1] - logits[:, 0])[1:-1].tolist()
    starts = [start for start, _ in encoding.offsets[1:-1]]
    first_end = given.sentence_ends[0]
    first = [value for value, start in zip(odds, starts, strict=True) if start < first_end]
    score = load_model_folder(folder, backend="openvino").score([given])[0]
    assert score.logit == pytest.approx(sum(odds) / len(odds), abs=HALF_PRECISION_TOLERANCE)
    assert score.sentence_logits[0] == pytest.approx(sum(first) / len(first), abs=HALF_PRECISION_TOLERANCE)


def test_a_judge_of_whole_texts_gives_its_sentences_the_score_of_the_segment(
    folders: dict[str, Path],
) -> None:
    score = load_model_folder(folders["bert_sequence"], backend="torch").score(SEGMENTS[:1])[0]
    assert set(score.sentence_logits) == {score.logit}


def test_the_engine_can_be_imported_without_its_backends() -> None:
    heavy = "'torch', 'openvino', 'transformers'"
    code = f"import sys, detection.engine; sys.exit(any(name in sys.modules for name in ({heavy})))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
