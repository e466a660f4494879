"""What runs a model: one protocol, and the choice for this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from detection.engine.batches import ACCELERATOR_BATCH_TOKENS, BATCH_TOKENS, TokenIds
from detection.engine.head import Floats, Head
from detection.engine.manifest import INT8_IR_FILE, IR_FILE, Manifest, ModelFolderError

OPENVINO = "openvino"
TORCH = "torch"
ONNXRUNTIME = "onnxruntime"
TENSORRT = "tensorrt"

F32, BF16, F16, INT8 = "f32", "bf16", "f16", "int8"


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """For the start-up line and the metrics. `lanes`: so many calls of `logits` may run at once."""

    name: str
    device: str
    precision: str
    threads: int
    lanes: int = 1

    @property
    def batch_tokens(self) -> int:
        """How many tokens a batch may hold."""
        return BATCH_TOKENS if self.device == "cpu" else ACCELERATOR_BATCH_TOKENS

    def __str__(self) -> str:
        return f"{self.name} on {self.device}, {self.precision}, {self.threads} threads"


class Backend(Protocol):
    """Safe for as many threads at once as it has lanes; the scorer sees to that."""

    @property
    def info(self) -> BackendInfo: ...

    def logits(self, input_ids: TokenIds, attention_mask: TokenIds) -> Floats:
        """(batch, tokens) twice -> (batch, tokens, labels) or (batch, labels)."""


@dataclass(frozen=True, slots=True)
class LoadRequest:
    folder: Path
    manifest: Manifest
    head: Head
    threads: int
    precision: str | None = None  # None: what is best here
    lanes: int = 1  # at most; a backend may have fewer

    def choose_precision(self, *, best: str, possible: Sequence[str], where: str) -> str:
        """Raises ModelFolderError for a wish that cannot be fulfilled."""
        if self.precision is None:
            return best
        if self.precision not in possible:
            raise ModelFolderError(
                f"{self.folder}: {where} cannot run it in {self.precision}; possible: {', '.join(possible)}"
            )
        return self.precision


def available_threads() -> int:
    """ZHENWEN_ENGINE_THREADS, else the cores this process may use."""
    override = os.environ.get("ZHENWEN_ENGINE_THREADS", "")
    if override.isdigit() and int(override) > 0:
        return int(override)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def wished_precision() -> str | None:
    """ZHENWEN_PRECISION, else whatever is best."""
    return os.environ.get("ZHENWEN_PRECISION") or None


def choose_backend(folder: Path) -> str:
    """CUDA, then MPS (both by torch), then OpenVINO, then torch on the CPU. ZHENWEN_BACKEND overrides."""
    override = os.environ.get("ZHENWEN_BACKEND")
    if override:
        return override
    if _has_torch() and _torch_accelerator() != "cpu":
        return TORCH
    has_ir = any((folder / name).exists() for name in (IR_FILE, INT8_IR_FILE))
    if find_spec("openvino") and (has_ir or _has_torch()):
        return OPENVINO
    if _has_torch():
        return TORCH
    raise ModelFolderError(
        f"{folder}: without {IR_FILE} this model needs torch and transformers (requirements/torch.txt)"
    )


def open_backend(name: str, request: LoadRequest) -> Backend:
    openers: dict[str, Callable[[LoadRequest], Backend]] = {
        OPENVINO: _open_openvino,
        TORCH: _open_torch,
        ONNXRUNTIME: _open_onnxruntime,
        TENSORRT: _open_tensorrt,
    }
    if name not in openers:
        raise ModelFolderError(f"{name}: no such backend; there are {', '.join(openers)}")
    try:
        return openers[name](request)
    except ImportError as error:
        raise ModelFolderError(f"{name}: {error.name} is not installed; see requirements/") from error


def _open_openvino(request: LoadRequest) -> Backend:
    from detection.engine.openvino_backend import OpenVinoBackend

    return OpenVinoBackend(request)


def _open_torch(request: LoadRequest) -> Backend:
    from detection.engine.torch_backend import TorchBackend

    return TorchBackend(request)


def _open_onnxruntime(request: LoadRequest) -> Backend:
    from detection.engine.onnx_backend import OnnxBackend

    return OnnxBackend(request)


def _open_tensorrt(request: LoadRequest) -> Backend:
    from detection.engine.onnx_backend import TensorRtBackend

    return TensorRtBackend(request)


def _has_torch() -> bool:
    return find_spec("torch") is not None and find_spec("transformers") is not None


def _torch_accelerator() -> str:
    """The import of torch costs seconds and memory: look for the hardware before asking torch."""
    if not (Path("/dev/nvidiactl").exists() or Path("/System/Library/Frameworks/Metal.framework").exists()):
        return "cpu"
    from detection.engine.torch_backend import accelerator

    return accelerator()
