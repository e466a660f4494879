"""Running a model with ONNX Runtime: on the CPU, and through TensorRT on an NVIDIA GPU.

The two share everything but the provider, so that what a machine without a GPU tests is what TensorRT runs.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import onnxruntime

from detection.engine.backends import F16, F32, ONNXRUNTIME, TENSORRT, BackendInfo, LoadRequest
from detection.engine.batches import ACCELERATOR_BATCH_TOKENS, LENGTH_STEP, TokenIds, batch_capacity
from detection.engine.conversion import converted
from detection.engine.head import Floats
from detection.engine.manifest import ModelFolderError

ONNX_FILE = "model.onnx"
TENSORRT_PROVIDER = "TensorrtExecutionProvider"
_CPU_PROVIDER = "CPUExecutionProvider"
_INPUTS = ("input_ids", "attention_mask")
_OPSET = 17


class OnnxBackend:
    """On the CPU, in single precision."""

    def __init__(self, request: LoadRequest) -> None:
        precision = request.choose_precision(best=F32, possible=(F32,), where=ONNXRUNTIME)
        self._session = _session(request, _onnx_path(request), _CPU_PROVIDER, {})
        self.info = BackendInfo(ONNXRUNTIME, "cpu", precision, request.threads)

    def logits(self, input_ids: TokenIds, attention_mask: TokenIds) -> Floats:
        return _logits(self._session, input_ids, attention_mask)


class TensorRtBackend:
    """On an NVIDIA GPU in half precision. The first start on a machine builds the engine, in minutes."""

    def __init__(self, request: LoadRequest) -> None:
        precision = request.choose_precision(best=F16, possible=(F16, F32), where=TENSORRT)
        if TENSORRT_PROVIDER not in onnxruntime.get_available_providers():
            raise ModelFolderError(
                f"{TENSORRT}: ONNX Runtime is installed here without TensorRT; "
                "it takes requirements/tensorrt.txt and an NVIDIA GPU"
            )
        path = _onnx_path(request)
        options = tensorrt_options(path.parent, precision, maximum_tokens=request.head.maximum_tokens)
        self._session = _session(request, path, TENSORRT_PROVIDER, options)
        self.info = BackendInfo(TENSORRT, "cuda", precision, request.threads)

    def logits(self, input_ids: TokenIds, attention_mask: TokenIds) -> Floats:
        return _logits(self._session, input_ids, attention_mask)


def tensorrt_options(cache: Path, precision: str, *, maximum_tokens: int) -> dict[str, str]:
    """One engine for every shape a batch can have, kept in the folder `cache`."""
    shapes = {
        "min": (1, min(LENGTH_STEP, maximum_tokens)),
        "opt": (batch_capacity(maximum_tokens, ACCELERATOR_BATCH_TOKENS), maximum_tokens),
        "max": (ACCELERATOR_BATCH_TOKENS // LENGTH_STEP, maximum_tokens),
    }
    profiles = {
        f"trt_profile_{name}_shapes": ",".join(f"{entry}:{rows}x{tokens}" for entry in _INPUTS)
        for name, (rows, tokens) in shapes.items()
    }
    return {
        "trt_fp16_enable": str(precision == F16),
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": str(cache),
        **profiles,
    }


def export_onnx(folder: Path, target: Path, *, is_per_token: bool) -> Path:
    """Write a folder's weights as ONNX (f32, dynamic shapes) into `target`; needs torch and onnx."""
    import torch

    from detection.engine.torch_backend import example_input, load_module

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = load_module(folder, is_per_token=is_per_token)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
            return self.module(input_ids=input_ids, attention_mask=attention_mask).logits

    path = target / ONNX_FILE
    axes = {0: "rows", 1: "tokens"}
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns about every branch it takes
        torch.onnx.export(
            Logits(),
            tuple(example_input().values()),
            path,
            input_names=list(_INPUTS),
            output_names=["logits"],
            dynamic_axes={**dict.fromkeys(_INPUTS, axes), "logits": axes if is_per_token else {0: "rows"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    return path


def _onnx_path(request: LoadRequest) -> Path:
    return converted(
        request,
        file=ONNX_FILE,
        convert=lambda target: export_onnx(request.folder, target, is_per_token=request.head.is_per_token),
    )


def _session(request: LoadRequest, path: Path, provider: str, options: dict[str, str]) -> Any:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = request.threads
    settings.log_severity_level = 3  # errors
    try:
        session = onnxruntime.InferenceSession(path, settings, providers=[(provider, options)])
    except Exception as error:  # the library's exceptions have no common parent of their own
        raise ModelFolderError(f"{path}: ONNX Runtime cannot load it: {error}") from error
    if session.get_providers()[0] != provider:  # it falls back without a word
        raise ModelFolderError(f"{path}: {provider} does not work on this machine")
    return session


def _logits(session: Any, input_ids: TokenIds, attention_mask: TokenIds) -> Floats:
    logits: Floats = session.run(["logits"], {"input_ids": input_ids, "attention_mask": attention_mask})[0]
    return logits
