"""A folder an institution may bring: a Hugging Face BERT with the vocabulary of the reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.reference_model import reference_model
from detection.engine import load_model_folder
from detection.scoring.types import SegmentInput

TEXTS = [
    "这一次考察的结果，与前人在相近地区的报道一致。",
    "第十二条承租人逾期未付租金的，出租人可以解除合同。" * 8,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    return reference_model(tmp_path_factory.mktemp("foreign") / "bert", layers=1, hidden_size=64)


@pytest.mark.parametrize("backend", ["openvino", "torch", "onnxruntime"])
def test_every_backend_runs_it(folder: Path, backend: str) -> None:
    pytest.importorskip(backend)
    segments = [SegmentInput(text, (len(text),)) for text in TEXTS]
    scorer = load_model_folder(folder, backend=backend)
    expected = load_model_folder(folder, backend="torch", precision="f32").score(segments)
    assert scorer.model_name == "bert unversioned"
    assert expected[0].logit != 0
    for one, other in zip(scorer.score(segments), expected, strict=True):
        assert one.logit == pytest.approx(other.logit, abs=0.05)
