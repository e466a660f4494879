"""A tiny BERT as an ONNX graph with 8-bit weights and activations, as onnxruntime's quantiser makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper, save

from detection.training.encoders.conversion import Shape

Array = npt.NDArray[np.float32]


class QuantisedBert:
    """Builds the graph; `weights` are what its integers stand for, under the names of BertModel."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.weights: dict[str, Array] = {}
        self._noise = np.random.default_rng(8)
        self._nodes: list[Any] = []
        self._tensors: list[Any] = []

    def write(self, path: Path) -> None:
        shape = self.shape
        words = self._embedding("word", "input_ids", shape.vocabulary)
        kinds = self._embedding("token_type", "token_type_ids", 2)
        count = self._node("Shape", ["input_ids"], "count", start=1)
        numbers = self._constant("numbers", np.arange(512))
        zero = self._constant("zero", np.array([0]))
        places = self._embedding("position", self._node("Slice", [numbers, zero, count], "places"), 512)
        x = self._node("Add", [self._node("Add", [words, kinds], "parts"), places], "embedded")
        x = self._norm(x, "embeddings/LayerNorm")
        for layer in range(shape.layers):
            x = self._layer(x, f"encoder/layer.{layer}")
        first = self._node("Gather", [x, self._constant("first", np.array(0))], "first_token", axis=1)
        classes = self._dense(first, "pooler/dense", shape.hidden, 3)
        self._node("LogSoftmax", [classes], "logits", axis=-1)
        graph = helper.make_graph(
            self._nodes,
            "bert",
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
                for name in ("input_ids", "token_type_ids", "attention_mask")
            ],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])],
            self._tensors,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        save(model, path)

    def _layer(self, x: str, layer: str) -> str:
        hidden, heads = self.shape.hidden, self.shape.heads
        attention = f"{layer}/attention"
        split = self._constant(f"{layer}/split", np.array([0, 0, heads, hidden // heads]))
        joined = self._constant(f"{layer}/joined", np.array([0, 0, hidden]))
        query, key, value = (
            self._node("Reshape", [self._dense(x, f"{attention}/self/{part}"), split], f"{layer}/{part}")
            for part in ("query", "key", "value")
        )
        query = self._node("Transpose", [query], f"{layer}/q", perm=[0, 2, 1, 3])
        key = self._node("Transpose", [key], f"{layer}/k", perm=[0, 2, 3, 1])
        value = self._node("Transpose", [value], f"{layer}/v", perm=[0, 2, 1, 3])
        root = self._constant(f"{layer}/root", np.array((hidden / heads) ** 0.5, dtype=np.float32))
        scores = self._node(
            "Div", [self._node("MatMul", [query, key], f"{layer}/qk"), root], f"{layer}/scores"
        )
        shares = self._node("Softmax", [scores], f"{layer}/shares", axis=-1)
        context = self._node("MatMul", [shares, value], f"{layer}/context")
        context = self._node("Transpose", [context], f"{layer}/turned", perm=[0, 2, 1, 3])
        context = self._node("Reshape", [context, joined], f"{layer}/whole")
        attended = self._dense(context, f"{attention}/output/dense")
        x = self._norm(self._node("Add", [attended, x], f"{layer}/sum"), f"{attention}/output/LayerNorm")
        inner = self._gelu(self._dense(x, f"{layer}/intermediate/dense", hidden, 4 * hidden), layer)
        outer = self._dense(inner, f"{layer}/output/dense", 4 * hidden, hidden)
        return self._norm(self._node("Add", [outer, x], f"{layer}/sum2"), f"{layer}/output/LayerNorm")

    def _dense(self, x: str, path: str, rows: int | None = None, columns: int | None = None) -> str:
        """x -> rounded to 8 bits -> integer product -> scaled back -> bias added."""
        rows, columns = rows or self.shape.hidden, columns or self.shape.hidden
        integers = self._noise.integers(-127, 128, (rows, columns)).astype(np.int8)
        scale = self._noise.uniform(0.002, 0.006, columns).astype(np.float32)
        bias = self._noise.normal(0, 0.1, columns).astype(np.float32)
        name = path.replace("/", ".")
        self.weights[f"{name}.weight"] = (integers * scale).T
        self.weights[f"{name}.bias"] = bias
        matrix = f"onnx::MatMul_{len(self._nodes)}"  # the exporter forgets the names of matrices
        self._constant(f"{matrix}_quantized", integers)
        self._constant(f"{matrix}_scale", scale)
        self._constant(f"{matrix}_zero_point", np.zeros(columns, dtype=np.int8))
        rounded, by, zero = (f"{path}/{part}" for part in ("rounded", "by", "zero"))
        self._nodes.append(helper.make_node("DynamicQuantizeLinear", [x], [rounded, by, zero]))
        self._nodes.append(
            helper.make_node(
                "MatMulInteger",
                [rounded, f"{matrix}_quantized", zero, f"{matrix}_zero_point"],
                [f"{path}/product"],
                name=f"/wrapped/bert/{path}/MatMul_quant",
            )
        )
        product = self._node("Cast", [f"{path}/product"], f"{path}/cast", to=TensorProto.FLOAT)
        scales = self._node("Mul", [by, f"{matrix}_scale"], f"{path}/scales")
        product = self._node("Mul", [product, scales], f"{path}/scaled")
        return self._node("Add", [self._weight(f"{name}.bias", bias), product], f"{path}/added")

    def _embedding(self, kind: str, ids: str, rows: int) -> str:
        name = f"embeddings.{kind}_embeddings.weight"
        integers = self._noise.integers(0, 256, (rows, self.shape.hidden)).astype(np.uint8)
        scale, zero_point = np.array(0.01, dtype=np.float32), np.array(130, dtype=np.uint8)
        self.weights[name] = (integers.astype(np.float32) - 130) * scale
        for part, value in (("quantized", integers), ("scale", scale), ("zero_point", zero_point)):
            self._constant(f"wrapped.bert.{name}_{part}", value)
        rounded = self._node("Gather", [f"wrapped.bert.{name}_quantized", ids], f"{kind}/rounded")
        parts = [f"wrapped.bert.{name}_{part}" for part in ("scale", "zero_point")]
        return self._node("DequantizeLinear", [rounded, *parts], f"{kind}/real")

    def _norm(self, x: str, path: str) -> str:
        name = path.replace("/", ".")
        factor, offset = self._noise.normal(1, 0.1, (2, self.shape.hidden)).astype(np.float32)
        names = [self._weight(f"{name}.weight", factor), self._weight(f"{name}.bias", offset - 1)]
        return self._node("LayerNormalization", [x, *names], f"{path}/normed", axis=-1, epsilon=1e-12)

    def _gelu(self, x: str, layer: str) -> str:
        root = self._constant(f"{layer}/two", np.array(2**0.5, dtype=np.float32))
        one = self._constant(f"{layer}/one", np.array(1, dtype=np.float32))
        half = self._constant(f"{layer}/half", np.array(0.5, dtype=np.float32))
        error = self._node("Erf", [self._node("Div", [x, root], f"{layer}/div")], f"{layer}/erf")
        product = self._node("Mul", [x, self._node("Add", [error, one], f"{layer}/add")], f"{layer}/mul")
        return self._node("Mul", [product, half], f"{layer}/gelu")

    def _weight(self, name: str, value: Array) -> str:
        self.weights[name] = value
        return self._constant(f"wrapped.bert.{name}", value)

    def _constant(self, name: str, value: Any) -> str:
        self._tensors.append(numpy_helper.from_array(value, name))
        return name

    def _node(self, kind: str, inputs: list[str], output: str, **options: Any) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [output], **options))
        return output
