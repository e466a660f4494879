"""What every backend and every kind of model must do alike."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from detection.engine import ModelFolderError, ModelScorer, load_model_folder
from detection.scoring.types import SegmentInput, SegmentScore
from tests.engine.conftest import CHARACTERS, SHAPES

# Half precision, and another size of batch, move a logit by this much at most.
HALF_PRECISION_TOLERANCE = 0.15
BATCH_TOLERANCE = 0.02
PROBABILITY_TOLERANCE = 0.03

# None: what the backend finds best on this machine, on a GPU where there is one.
WAYS = (
    ("openvino", None),
    ("openvino", "f32"),
    ("openvino", "bf16"),
    ("torch", None),
    ("torch", "f32"),
    ("torch", "bf16"),
    ("onnxruntime", None),
)
_loaded: dict[tuple[str, str, str | None], ModelScorer] = {}


def loaded(folders: dict[str, Path], shape: str, way: tuple[str, str | None]) -> ModelScorer:
    backend, precision = way
    pytest.importorskip(backend)
    if (shape, *way) not in _loaded:
        _loaded[shape, *way] = load_model_folder(
            folders[shape], backend=backend, precision=precision, threads=2, is_shared=True
        )
    return _loaded[shape, *way]


@pytest.fixture(params=[(shape, way) for shape in SHAPES for way in WAYS], ids=str)
def scorer(request: pytest.FixtureRequest, folders: dict[str, Path]) -> ModelScorer:
    shape, way = request.param
    return loaded(folders, shape, way)


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


def test_passes_beside_others_score_what_a_pass_alone_does(folders: dict[str, Path]) -> None:
    scorer = loaded(folders, SHAPES[0], ("openvino", None))
    assert scorer.backend.lanes == 2
    alone = [scorer.score([one])[0] for one in SEGMENTS]
    with ThreadPoolExecutor(4) as pool:
        beside = list(pool.map(lambda one: scorer.score([one])[0], SEGMENTS * 20))
    for one, score in zip(alone * 20, beside, strict=True):
        assert score.logit == pytest.approx(one.logit, abs=BATCH_TOLERANCE)


@pytest.mark.parametrize("way", WAYS[1:], ids=str)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_text_gets_the_same_verdict_whatever_runs_it(
    folders: dict[str, Path], shape: str, way: tuple[str, str | None]
) -> None:
    expected = loaded(folders, shape, ("torch", "f32")).score(SEGMENTS)
    for one, other in zip(loaded(folders, shape, way).score(SEGMENTS), expected, strict=True):
        assert one.logit == pytest.approx(other.logit, abs=HALF_PRECISION_TOLERANCE)
        assert p_ai(one) == pytest.approx(p_ai(other), abs=PROBABILITY_TOLERANCE)


def p_ai(score: SegmentScore) -> float:
    return 1 / (1 + math.exp(-score.logit))


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_scores_are_those_of_the_model_itself(folders: dict[str, Path], way: tuple[str, str | None]) -> None:
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
    score = loaded(folders, "roformer_tokens", way).score([given])[0]
    tolerance = 0.005 if way[1] == "f32" else HALF_PRECISION_TOLERANCE
    assert score.logit == pytest.approx(sum(odds) / len(odds), abs=tolerance)
    assert score.sentence_logits[0] == pytest.approx(sum(first) / len(first), abs=tolerance)


def test_fused_attention_is_the_attention_of_transformers(folders: dict[str, Path]) -> None:
    import torch
    from transformers import RoFormerForTokenClassification

    from detection.engine.torch_backend import load_module

    ids = torch.randint(4, 60, (3, 70), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[1, 40:] = 0
    original: Any = RoFormerForTokenClassification.from_pretrained(folders["roformer_tokens"])
    fused = load_module(folders["roformer_tokens"], is_per_token=True)
    with torch.inference_mode():
        expected = original.eval()(input_ids=ids, attention_mask=mask).logits
        logits = fused(input_ids=ids, attention_mask=mask).logits
    assert torch.allclose(logits[mask == 1], expected[mask == 1], atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_compiled_module_scores_alike(
    folders: dict[str, Path], shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[object] = []

    def compile_eagerly(module: object, **_: object) -> object:
        compiled.append(module)
        return module

    monkeypatch.setattr("torch.compile", compile_eagerly)
    monkeypatch.setenv("ZHENWEN_TORCH_COMPILE", "1")
    scores = load_model_folder(folders[shape], backend="torch", precision="f32").score(SEGMENTS)
    assert len(compiled) == 1
    assert scores == loaded(folders, shape, ("torch", "f32")).score(SEGMENTS)


def test_tensorrt_says_what_it_lacks_where_it_cannot_run(folders: dict[str, Path]) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    if "TensorrtExecutionProvider" in onnxruntime.get_available_providers():
        scores = load_model_folder(folders["bert_sequence"], backend="tensorrt").score(SEGMENTS)
        assert len(scores) == len(SEGMENTS)
    else:
        with pytest.raises(ModelFolderError, match=r"requirements/tensorrt\.txt"):
            load_model_folder(folders["bert_sequence"], backend="tensorrt")


@pytest.mark.parametrize("way", [("openvino", "f16"), ("openvino", "int8"), ("onnxruntime", "bf16")], ids=str)
def test_a_precision_that_cannot_be_had_is_refused(folders: dict[str, Path], way: tuple[str, str]) -> None:
    backend, precision = way
    with pytest.raises(ModelFolderError, match=precision):
        load_model_folder(folders["bert_sequence"], backend=backend, precision=precision)


def test_the_operator_can_choose_backend_and_precision(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHENWEN_BACKEND", "torch")
    monkeypatch.setenv("ZHENWEN_PRECISION", "f32")
    backend = load_model_folder(folders["bert_sequence"]).backend
    assert (backend.name, backend.precision) == ("torch", "f32")


def test_a_judge_of_whole_texts_gives_its_sentences_the_score_of_the_segment(
    folders: dict[str, Path],
) -> None:
    score = load_model_folder(folders["bert_sequence"], backend="torch").score(SEGMENTS[:1])[0]
    assert set(score.sentence_logits) == {score.logit}


def test_the_engine_can_be_imported_without_its_backends() -> None:
    heavy = "'torch', 'openvino', 'transformers'"
    code = f"import sys, detection.engine; sys.exit(any(name in sys.modules for name in ({heavy})))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
