from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detection.engine import (
    ModelFolderError,
    check_golden,
    default_model_folder,
    load_model_folder,
    read_manifest,
    write_golden,
    write_manifest,
)
from detection.engine.batches import BATCH_TOKENS, padded_length, planned_batches
from detection.engine.head import Head, read_head
from tests.engine.conftest import edit_config

MakeFolder = Callable[[str], Path]


def test_a_manifest_names_every_file_and_one_digest(make_folder: MakeFolder) -> None:
    folder = make_folder("roformer_tokens")
    unnamed = read_manifest(folder)
    manifest = write_manifest(folder, name="tiny", version="1.0")
    assert (unnamed.name, unnamed.version) == (folder.name, "unversioned")
    assert (manifest.name, manifest.version) == ("tiny", "1.0")
    assert set(manifest.files) == {"config.json", "model.safetensors", "tokenizer.json"}
    assert manifest.digest == unnamed.digest and len(manifest.digest) == 64


def test_another_calibration_is_not_another_model(make_folder: MakeFolder) -> None:
    from detection.scoring.calibration import uncalibrated

    folder = make_folder("roformer_tokens")
    before = write_manifest(folder, name="tiny", version="1.0")
    (folder / "calibration.json").write_text(uncalibrated().to_json())
    after = write_manifest(folder, name="tiny", version="1.0")
    assert after.digest == before.digest and after.files != before.files


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_file_changed_behind_the_manifest_is_refused(make_folder: MakeFolder, name: str) -> None:
    folder = make_folder("roformer_tokens")
    write_manifest(folder, name="tiny", version="1.0")
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    with pytest.raises(ModelFolderError, match=name):
        load_model_folder(folder)


def test_a_file_slipped_in_is_refused(make_folder: MakeFolder) -> None:
    folder = make_folder("roformer_tokens")
    write_manifest(folder, name="tiny", version="1.0")
    (folder / "openvino_model.xml").write_text("<net/>")
    with pytest.raises(ModelFolderError, match="openvino_model"):
        load_model_folder(folder)


def break_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def make_generator(folder: Path) -> None:
    edit_config(folder, architectures=["GPT2LMHeadModel"])


def make_foreign(folder: Path) -> None:
    edit_config(folder, model_type="nobody-knows", auto_map={"AutoConfig": "evil.Config"})
    (folder / "evil.py").write_text("raise SystemExit('code of the model was run')")


def break_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def break_calibration(folder: Path) -> None:
    (folder / "calibration.json").write_text('{"version": 1}')


def break_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")


def lose_weights(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def pickle_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    "breakage",
    [
        break_config,
        make_generator,
        make_foreign,
        break_tokenizer,
        break_calibration,
        break_weights,
        lose_weights,
        pickle_weights,
    ],
)
@pytest.mark.parametrize("backend", ["openvino", "torch"])
def test_a_folder_that_is_no_safe_classifier_is_refused(
    make_folder: MakeFolder, breakage: Callable[[Path], None], backend: str
) -> None:
    folder = make_folder("bert_sequence")
    breakage(folder)
    with pytest.raises(ModelFolderError):
        load_model_folder(folder, backend=backend)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match="nowhere"):
        load_model_folder(tmp_path / "nowhere")


def test_a_folder_without_ir_is_converted_once(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder("bert_sequence")
    load_model_folder(folder, backend="openvino")
    monkeypatch.setattr("detection.engine.openvino_backend.export_ir", None)
    load_model_folder(folder, backend="openvino")


def test_loading_says_what_runs_where(
    make_folder: MakeFolder, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder("roformer_tokens")
    monkeypatch.setenv("ZHENWEN_ENGINE_THREADS", "2")
    with caplog.at_level(logging.INFO, logger="detection.engine"):
        scorer = load_model_folder(folder, backend="torch")
    assert scorer.backend.name == "torch" and scorer.backend.threads == 2
    assert any(f"ready: {scorer.backend}" in message for message in caplog.messages)


def test_an_unknown_backend_is_refused(make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHENWEN_BACKEND", "abacus")
    with pytest.raises(ModelFolderError, match="abacus"):
        load_model_folder(make_folder("roformer_tokens"))


def test_the_model_folder_can_be_named_by_the_operator(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert default_model_folder().parts[-2:] == ("weights", "zhenwen-small")
    monkeypatch.setenv("ZHENWEN_MODEL_DIR", str(tmp_path))
    assert default_model_folder() == tmp_path


def test_a_golden_set_stops_a_model_that_scores_otherwise(make_folder: MakeFolder) -> None:
    folder = make_folder("roformer_tokens")
    scorer = load_model_folder(folder, backend="torch")
    assert check_golden(folder, scorer=scorer) == 0
    write_golden(folder, scorer=scorer, texts=["中文的人一是不了。", "我以要他时来用们。"])
    assert check_golden(folder, scorer=load_model_folder(folder, backend="openvino")) < 0.25
    golden = json.loads((folder / "golden.json").read_text())
    for change in (1.0, float("nan")):
        golden["segments"][1]["logit"] += change
        (folder / "golden.json").write_text(json.dumps(golden))
        with pytest.raises(ModelFolderError, match="off"):
            check_golden(folder, scorer=scorer)


@pytest.mark.parametrize(
    ("labels", "ai_label"),
    [
        ({"0": "human", "1": "ai"}, 1),
        ({"0": "Fake", "1": "Real"}, 0),
        ({"0": "LABEL_0", "1": "LABEL_1"}, 1),
        ({"0": "human", "1": "polished", "2": "AI"}, 2),
        ({"0": "LABEL_0"}, 0),
    ],
)
def test_finds_the_label_that_means_ai(
    make_folder: MakeFolder, labels: dict[str, str], ai_label: int
) -> None:
    folder = make_folder("bert_sequence")
    edit_config(folder, id2label=labels)
    assert read_head(folder).ai_label == ai_label


def test_log_odds_weigh_ai_against_all_other_labels() -> None:
    head = Head(is_per_token=False, label_count=3, ai_label=2, pad_token_id=0, maximum_tokens=512)
    odds = head.ai_log_odds(np.array([[0.0, 0.0, 0.0], [1000.0, 0.0, 1000.0]], dtype=np.float32))
    assert odds.tolist() == pytest.approx([-np.log(2), 0.0])


def test_batches_hold_every_segment_once_within_their_budget() -> None:
    lengths = [3, 512, 64, 65, 700, 1, 300, 300] * 20
    batches = planned_batches([padded_length(length, 512) for length in lengths])
    assert sorted(number for _, numbers in batches for number in numbers) == list(range(len(lengths)))
    for padded, numbers in batches:
        assert padded * len(numbers) <= BATCH_TOKENS
        assert padded % 64 == 0 and padded <= 512
        assert {min(-(-lengths[n] // 64) * 64, 512) for n in numbers} == {padded}
