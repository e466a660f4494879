"""The conversion of the pretrained encoder, against a second implementation of its graph in plain numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch")

from detection.training.encoders.conversion import EncoderError, Shape, build_tokenizer
from detection.training.encoders.roformer import build_classifier

Array = npt.NDArray[np.float32]
VOCABULARY, LAYERS, HIDDEN, HEADS = 50, 2, 24, 2
SHAPE = Shape(VOCABULARY, LAYERS, HIDDEN, HEADS)


@pytest.fixture
def weights() -> dict[str, Array]:
    noise = np.random.default_rng(4)

    def array(*shape: int) -> Array:
        return noise.normal(0, 0.4, shape).astype(np.float32)

    made = {
        "Embedding-Token/embeddings:0": array(VOCABULARY, HIDDEN),
        "Embedding-Segment/embeddings:0": array(2, HIDDEN),
        "Embedding-Norm/mul/ReadVariableOp:0": array(HIDDEN),
        "Embedding-Norm/add_1/ReadVariableOp:0": array(HIDDEN),
    }
    for layer in range(LAYERS):
        for part, offset, rows, columns in (
            ("MultiHeadSelfAttention", 0, HIDDEN, HIDDEN),
            ("MultiHeadSelfAttention", 1, HIDDEN, HIDDEN),
            ("MultiHeadSelfAttention", 2, HIDDEN, HIDDEN),
            ("MultiHeadSelfAttention", 3, HIDDEN, HIDDEN),
            ("FeedForward", 4, HIDDEN, 4 * HIDDEN),
            ("FeedForward", 5, 4 * HIDDEN, HIDDEN),
        ):
            block = dense_block(layer, part, offset)
            made[f"{block}/Tensordot/Reshape_1:0"] = array(rows, columns)
            made[f"{block}/BiasAdd/ReadVariableOp:0"] = array(columns)
        for part in ("MultiHeadSelfAttention", "FeedForward"):
            made[f"Transformer-{layer}-{part}-Norm/mul/ReadVariableOp:0"] = array(HIDDEN)
            made[f"Transformer-{layer}-{part}-Norm/add_1/ReadVariableOp:0"] = array(HIDDEN)
    return made


def dense_block(layer: int, part: str, offset: int) -> str:
    number = 6 * layer + offset
    return f"Transformer-{layer}-{part}/dense" + (f"_{number}" if number else "")


def normed(x: Array, weights: dict[str, Array], name: str) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    factor, offset = weights[f"{name}/mul/ReadVariableOp:0"], weights[f"{name}/add_1/ReadVariableOp:0"]
    result: Array = scaled * factor + offset
    return result


def rotated(x: Array) -> Array:
    """Rotary positions: each pair of neighbouring values turned by position / 10000^(2i/d)."""
    tokens, size = x.shape
    angle = np.arange(tokens)[:, None] / 10_000 ** (np.arange(0, size, 2) / size)
    even, odd = x[:, ::2], x[:, 1::2]
    turned = np.empty_like(x)
    turned[:, ::2] = even * np.cos(angle) - odd * np.sin(angle)
    turned[:, 1::2] = odd * np.cos(angle) + even * np.sin(angle)
    return turned


def reference(ids: list[int], weights: dict[str, Array]) -> Array:
    from math import erf

    def dense(x: Array, layer: int, part: str, offset: int) -> Array:
        block = dense_block(layer, part, offset)
        return x @ weights[f"{block}/Tensordot/Reshape_1:0"] + weights[f"{block}/BiasAdd/ReadVariableOp:0"]

    x = weights["Embedding-Token/embeddings:0"][ids] + weights["Embedding-Segment/embeddings:0"][0]
    x = normed(x, weights, "Embedding-Norm")
    for layer in range(LAYERS):
        attention = "MultiHeadSelfAttention"
        query, key, value = (dense(x, layer, attention, offset) for offset in range(3))
        size = HIDDEN // HEADS
        heads = []
        for head in range(HEADS):
            part = slice(head * size, (head + 1) * size)
            scores = rotated(query[:, part]) @ rotated(key[:, part]).T / np.sqrt(size)
            share = np.exp(scores - scores.max(-1, keepdims=True))
            heads.append(share / share.sum(-1, keepdims=True) @ value[:, part])
        x = x + dense(np.concatenate(heads, axis=-1), layer, attention, 3)
        x = normed(x, weights, f"Transformer-{layer}-{attention}-Norm")
        inner = dense(x, layer, "FeedForward", 4)
        inner = inner * (1 + np.vectorize(erf)(inner / np.sqrt(2))) / 2
        x = normed(
            x + dense(inner, layer, "FeedForward", 5), weights, f"Transformer-{layer}-FeedForward-Norm"
        )
    return x


def test_the_converted_encoder_computes_what_the_original_graph_computes(weights: dict[str, Array]) -> None:
    import torch

    ids = [2, 17, 44, 9, 9, 31, 3]
    encoder = build_classifier(weights, SHAPE).roformer
    with torch.inference_mode():
        ours = encoder(input_ids=torch.tensor([ids])).last_hidden_state[0].numpy()
    assert np.abs(ours - reference(ids, weights)).max() < 1e-5


def test_a_graph_that_lacks_a_weight_is_refused(weights: dict[str, Array]) -> None:
    del weights["Transformer-1-FeedForward/dense_11/BiasAdd/ReadVariableOp:0"]
    with pytest.raises(EncoderError, match="dense_11"):
        build_classifier(weights, SHAPE)


def test_every_chinese_character_is_a_token_of_its_own() -> None:
    tokenizer = build_tokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"中国人", "中国", "ab", "##c", "，"])
    assert tokenizer.encode("中国人，ABC").tokens == ["[CLS]", "中", "国", "人", "，", "ab", "##c", "[SEP]"]
