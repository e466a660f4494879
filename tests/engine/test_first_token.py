"""A classifier that reads the first token alone is spared the rest of its last layer, and says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from detection.engine import load_model_folder, read_manifest  # noqa: E402
from detection.engine.first_token import FirstTokenAttention, read_first_token_only  # noqa: E402
from detection.engine.torch_backend import load_module  # noqa: E402
from detection.scoring.types import SegmentInput  # noqa: E402
from tests.engine.conftest import write_tokenizer  # noqa: E402

transformers = pytest.importorskip("transformers")  # not before the line that forbids it to ask the network

FAMILIES = ("Bert", "Camembert", "Electra", "Ernie", "Roberta", "XLMRoberta")
OTHERS = ("ConvBert", "MegatronBert", "RoFormer")
LAYERS = 2


def saved(folder: Path, family: str, **changes: object) -> Path:
    """A tiny classifier whose attention is far from even, so that each question and mask tells."""
    torch.manual_seed(11)
    config = getattr(transformers, f"{family}Config")(
        vocab_size=120,
        hidden_size=32,
        embedding_size=32,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=514,
        initializer_range=0.3,
        **changes,
    )
    model = getattr(transformers, f"{family}ForSequenceClassification")(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.3)
    model.save_pretrained(folder)
    return folder


def original(folder: Path) -> Any:
    return transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()


def inputs(*, padded: bool) -> dict[str, Any]:
    ids = torch.randint(4, 60, (3, 70), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    if padded:
        mask[1, 40:] = 0
        mask[2, 1:] = 0
    return {"input_ids": ids, "attention_mask": mask}


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_spared_layer_says_what_the_whole_one_says(tmp_path: Path, family: str, padded: bool) -> None:
    folder = saved(tmp_path / "model", family)
    spared = load_module(folder, is_per_token=False)
    with torch.inference_mode():
        expected = original(folder)(**inputs(padded=padded)).logits
        logits = spared(**inputs(padded=padded)).logits
        read = spared.base_model(**inputs(padded=padded)).last_hidden_state
    assert isinstance(spared.base_model.encoder.layer[-1].attention, FirstTokenAttention)
    assert tuple(read.shape) == (3, 1, 32)
    assert torch.allclose(logits, expected, atol=1e-4)
    assert (expected[0] - expected[1]).abs().max() > 0.01  # what it was compared with tells texts apart


@pytest.mark.parametrize("family", OTHERS)
def test_other_families_stay_as_they_are(tmp_path: Path, family: str) -> None:
    spared = load_module(saved(tmp_path / "model", family), is_per_token=False)
    assert not any(isinstance(module, FirstTokenAttention) for module in spared.modules())


@pytest.mark.parametrize("change", [{"is_decoder": True}, {"chunk_size_feed_forward": 10}])
def test_a_model_that_would_not_bear_it_stays_as_it_is(tmp_path: Path, change: dict[str, object]) -> None:
    spared = original(saved(tmp_path / "model", "Bert", **change))
    read_first_token_only(spared)
    assert not any(isinstance(module, FirstTokenAttention) for module in spared.modules())


def test_a_judge_of_tokens_needs_them_all(tmp_path: Path) -> None:
    config = transformers.BertConfig(
        vocab_size=120, hidden_size=32, num_hidden_layers=1, num_attention_heads=2
    )
    transformers.BertForTokenClassification(config).save_pretrained(tmp_path / "model")
    module = load_module(tmp_path / "model", is_per_token=True)
    assert module(**inputs(padded=True)).logits.shape[:2] == (3, 70)


def test_the_converted_model_is_spared_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where an earlier release has left a conversion of the same folder, with all of the last layer."""
    pytest.importorskip("openvino")
    from detection.engine.openvino_runtime import ov

    folder, cache = saved(tmp_path / "model", "Bert"), tmp_path / "cache"
    write_tokenizer(folder)
    monkeypatch.setenv("ZHENWEN_CACHE_DIR", str(cache))
    earlier = cache / f"{read_manifest(folder).digest}-openvino_model-2" / "openvino_model.xml"
    earlier.parent.mkdir(parents=True)
    earlier.write_text("<net/>")
    load_model_folder(folder, backend="openvino").score([SegmentInput("文本", (2,))])
    (path,) = set(cache.rglob("*.xml")) - {earlier}
    products = {
        node.get_friendly_name(): node.get_output_partial_shape(0)
        for node in ov.Core().read_model(path).get_ops()
        if node.get_type_name() == "MatMul"
    }
    fed_forward = [
        next(shape for name, shape in products.items() if f"layer.{layer}.intermediate" in name)
        for layer in range(LAYERS)
    ]
    assert fed_forward[0][1].is_dynamic
    assert fed_forward[-1][1] == 1
