"""The weights of a quantised BERT come out as what its integers stand for, and compute what it computes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

from detection.training.encoders import EncoderError, convert_encoder, encoder_named
from detection.training.encoders.bert import BertBase, encoder_weights, read_graph
from detection.training.encoders.conversion import CHECKS_FILE, Shape
from tests.training.made_corpora import WORDS
from tests.training.made_graphs import QuantisedBert

SHAPE = Shape(vocabulary=len(WORDS), layers=2, hidden=24, heads=2)


@pytest.fixture
def original(tmp_path: Path) -> QuantisedBert:
    """Its graph and vocabulary lie in `tmp_path`, as if they had been fetched."""
    made = QuantisedBert(SHAPE)
    made.write(tmp_path / "model_optimized.onnx")
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS), "utf-8")
    return made


def test_every_weight_is_what_its_integers_stand_for(original: QuantisedBert, tmp_path: Path) -> None:
    found = encoder_weights(read_graph(tmp_path / "model_optimized.onnx"))
    wanted = {name: weight for name, weight in original.weights.items() if "pooler" not in name}
    assert set(found) == set(wanted)
    for name, weight in wanted.items():
        np.testing.assert_array_equal(found[name], weight, err_msg=name)


@pytest.mark.usefixtures("original")
def test_the_converted_encoder_computes_what_the_graph_computes(tmp_path: Path) -> None:
    from transformers import AutoModelForTokenClassification

    hidden, rounding = convert_encoder(BertBase(SHAPE), tmp_path)
    assert hidden.largest < 1e-4
    assert 1e-4 < rounding.largest < 0.1  # the published graph rounds its activations
    written = json.loads((tmp_path / CHECKS_FILE).read_text("utf-8"))["checks"]
    assert [check["largest"] for check in written] == [hidden.largest, rounding.largest]
    model = AutoModelForTokenClassification.from_pretrained(tmp_path)
    assert model.config.architectures == ["BertForTokenClassification"]
    assert model.classifier.out_features == 2


@pytest.mark.usefixtures("original")
def test_an_encoder_that_computes_otherwise_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_queries_for_keys(graph: object) -> dict[str, object]:
        weights = encoder_weights(graph)
        return {name: weights[name.replace("self.key", "self.query")] for name in weights}

    monkeypatch.setattr("detection.training.encoders.bert.encoder_weights", with_queries_for_keys)
    with pytest.raises(EncoderError, match="hidden states"):
        convert_encoder(BertBase(SHAPE), tmp_path)
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.usefixtures("original")
def test_a_graph_of_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="does not fit"):
        convert_encoder(BertBase(Shape(len(WORDS), layers=3, hidden=24, heads=2)), tmp_path)


def test_an_unknown_encoder_is_named() -> None:
    with pytest.raises(EncoderError, match="abacus"):
        encoder_named("abacus")


@pytest.mark.usefixtures("original")
def test_an_encoder_that_is_to_teach_reads_by_the_words_of_its_pupil(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of the same words in another order, and one that it has never seen."""
    from tokenizers import Tokenizer
    from transformers import AutoModelForTokenClassification

    words = [*WORDS[:5], "海", *reversed(WORDS[5:40])]
    monkeypatch.setattr(BertBase, "vocabulary_file", "vocab.txt")
    pupil = BertBase(Shape(vocabulary=len(words), layers=2, hidden=24, heads=2))
    monkeypatch.setattr(pupil, "vocabulary_file", "pupil.txt", raising=False)
    (tmp_path / "pupil.txt").write_text("\n".join(words), "utf-8")
    convert_encoder(BertBase(SHAPE), tmp_path)
    before = AutoModelForTokenClassification.from_pretrained(tmp_path).get_input_embeddings().weight
    convert_encoder(BertBase(SHAPE, words_of=pupil), tmp_path)
    after = AutoModelForTokenClassification.from_pretrained(tmp_path).get_input_embeddings().weight
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert len(after) == tokenizer.get_vocab_size() == len(words)
    for word in words:
        number = WORDS.index(word if word in WORDS else "[UNK]")
        np.testing.assert_array_equal(after[tokenizer.token_to_id(word)].detach(), before[number].detach())
