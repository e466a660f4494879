"""A model in 8-bit integers: made of real ranges, run only where the model folder says so."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detection.engine import load_model_folder, read_manifest, write_manifest
from tests.engine.test_engine_contract import SEGMENTS

# Random weights are harder to quantise than trained ones; this is only to see that nothing is broken.
TOLERANCE = 0.6


@pytest.fixture(scope="module")
def folder(make_folder: Callable[[str], Path]) -> Path:
    pytest.importorskip("nncf")
    folder = make_folder("roformer_tokens")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries' own making
        write_int8_ir(folder)
    return folder


def write_int8_ir(folder: Path) -> None:
    from detection.engine.openvino_backend import export_ir
    from detection.engine.openvino_runtime import ov
    from detection.training.quantise import int8_model

    export_ir(folder, folder, is_per_token=True)
    scorer = load_model_folder(folder, backend="openvino", precision="f32")
    samples = []
    for encoded in scorer.encode(SEGMENTS):
        batch = scorer.new_batch(encoded.padded_length, capacity=1)
        batch.add(encoded.tokens.ids)
        samples.append({"input_ids": batch.input_ids, "attention_mask": batch.attention_mask})
    ov.save_model(int8_model(folder / "openvino_model.xml", samples), folder / "openvino_model_int8.xml")


def test_it_scores_nearly_as_before_in_any_order_and_company(folder: Path) -> None:
    expected = load_model_folder(folder, backend="openvino", precision="f32").score(SEGMENTS)
    scorer = load_model_folder(folder, backend="openvino", precision="int8")
    scores = scorer.score(SEGMENTS)
    assert scorer.backend.precision == "int8"
    for one, other in zip(scores, expected, strict=True):
        assert one.logit == pytest.approx(other.logit, abs=TOLERANCE)
    for given, together in zip(SEGMENTS[::-1], scorer.score(SEGMENTS[::-1]), strict=True):
        assert scorer.score([given])[0].logit == pytest.approx(together.logit, abs=0.02)


def test_the_folder_decides_and_the_operator_may_overrule(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undecided = write_manifest(folder, name="tiny", version="1")
    assert load_model_folder(folder, backend="openvino").backend.precision != "int8"
    decided = write_manifest(folder, name="tiny", version="1", cpu_precision="int8")
    assert load_model_folder(folder, backend="openvino").backend.precision == "int8"
    monkeypatch.setenv("ZHENWEN_PRECISION", "f32")
    assert load_model_folder(folder, backend="openvino").backend.precision == "f32"
    assert "openvino_model_int8.bin" in decided.files
    assert read_manifest(folder).digest == decided.digest != undecided.digest


@pytest.mark.parametrize(
    ("change", "is_good"),
    [
        ({}, True),
        ({"sets": [{"auroc_lost": 0.0001}, {"auroc_lost": 0.002}]}, False),
        ({"verdicts_changed_share": 0.005}, False),
        ({"speed_ratio": 1.05}, False),
    ],
)
def test_int8_serves_only_if_it_ranks_judges_and_runs_well(change: dict[str, Any], is_good: bool) -> None:
    quantise = pytest.importorskip("detection.training.quantise")
    table = {
        "sets": [{"auroc_lost": -0.0003}, {"auroc_lost": 0.0019}, {"human": 5}],
        "verdicts_changed_share": 0.0049,
        "speed_ratio": 1.4,
    }
    assert quantise.is_good_enough(table | change) is is_good
