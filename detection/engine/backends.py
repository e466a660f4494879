"""What runs a model: one protocol, and the choice for this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from detection.engine.batches import TokenIds
from detection.engine.head import Floats, Head
from detection.engine.manifest import IR_FILE, Manifest, ModelFolderError

OPENVINO = "openvino"
TORCH = "torch"


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """For the start-up line and the metrics."""

    name: str
    device: str
    precision: str
    threads: int

    def __str__(self) -> str:
        return f"{self.name} on {self.device}, {self.precision}, {self.threads} threads"


class Backend(Protocol):
    """Not safe for threads; the scorer holds a lock around `logits`."""

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


def available_threads() -> int:
    """ZHENWEN_ENGINE_THREADS, else the cores this process may use."""
    override = os.environ.get("ZHENWEN_ENGINE_THREADS", "")
    if override.isdigit() and int(override) > 0:
        return int(override)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def choose_backend(folder: Path) -> str:
    """CUDA, then MPS (both by torch), then OpenVINO, then torch on the CPU. ZHENWEN_BACKEND overrides."""
    override = os.environ.get("ZHENWEN_BACKEND")
    if override:
        return override
    if _has_torch() and _torch_accelerator() != "cpu":
        return TORCH
    if find_spec("openvino") and ((folder / IR_FILE).exists() or _has_torch()):
        return OPENVINO
    if _has_torch():
        return TORCH
    raise ModelFolderError(
        f"{folder}: without {IR_FILE} this model needs torch and transformers (requirements/torch.txt)"
    )


def open_backend(name: str, request: LoadRequest) -> Backend:
    openers: dict[str, Callable[[LoadRequest], Backend]] = {OPENVINO: _open_openvino, TORCH: _open_torch}
    if name not in openers:
        raise ModelFolderError(f"{name}: no such backend; {OPENVINO} or {TORCH}")
    return openers[name](request)


def _open_openvino(request: LoadRequest) -> Backend:
    from detection.engine.openvino_backend import OpenVinoBackend

    return OpenVinoBackend(request)


def _open_torch(request: LoadRequest) -> Backend:
    from detection.engine.torch_backend import TorchBackend

    return TorchBackend(request)


def _has_torch() -> bool:
    return find_spec("torch") is not None and find_spec("transformers") is not None


def _torch_accelerator() -> str:
    """The import of torch costs seconds and memory: look for the hardware before asking torch."""
    if not (Path("/dev/nvidiactl").exists() or Path("/System/Library/Frameworks/Metal.framework").exists()):
        return "cpu"
    from detection.engine.torch_backend import accelerator

    return accelerator()
