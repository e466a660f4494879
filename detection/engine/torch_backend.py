"""Running a model with torch: on a GPU in half precision, on a CPU where nothing better is installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from detection.engine.backends import BF16, F16, F32, TORCH, BackendInfo, LoadRequest
from detection.engine.batches import TokenIds
from detection.engine.head import Floats
from detection.engine.manifest import WEIGHTS_FILE, ModelFolderError
from detection.engine.processor import has_fast_bfloat16

_DTYPES = {F32: torch.float32, BF16: torch.bfloat16, F16: torch.float16}

# Nothing is ever fetched: a model is what lies in its folder.
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def accelerator() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def load_module(folder: Path, *, is_per_token: bool) -> Any:
    """The model of a folder as a torch module in single precision; weights from safetensors only."""
    from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification
    from transformers.utils import logging

    from detection.engine.first_token import read_first_token_only
    from detection.engine.roformer import fuse_attention

    if not (folder / WEIGHTS_FILE).is_file():
        raise ModelFolderError(f"{folder}: {WEIGHTS_FILE} is missing")
    library_logging: Any = logging
    library_logging.disable_progress_bar()
    kind = AutoModelForTokenClassification if is_per_token else AutoModelForSequenceClassification
    try:
        module, report = kind.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelFolderError(f"{folder}: transformers cannot load it: {error}") from error
    if report["missing_keys"]:  # transformers would fill them with random numbers
        raise ModelFolderError(
            f"{folder}: {WEIGHTS_FILE} lacks {', '.join(sorted(report['missing_keys'])[:3])}"
        )
    fuse_attention(module)
    read_first_token_only(module)
    return module.eval()


def example_input() -> dict[str, torch.Tensor]:
    """For tracing. One row is padded, so that no branch for whole rows is taken for the only one."""
    mask = torch.ones((2, 16), dtype=torch.int64)
    mask[1, 12:] = 0
    return {"input_ids": torch.ones((2, 16), dtype=torch.int64), "attention_mask": mask}


class TorchBackend:
    """Weights and arithmetic in half precision where the device is faster at it."""

    def __init__(self, request: LoadRequest) -> None:
        self._device = accelerator()
        precision = request.choose_precision(
            best=_fastest_precision(self._device), possible=tuple(_DTYPES), where=f"torch on {self._device}"
        )
        if self._device == "cpu":
            torch.set_num_threads(request.threads)
        module = load_module(request.folder, is_per_token=request.head.is_per_token)
        self._module = module.to(self._device, _DTYPES[precision])
        if os.environ.get("ZHENWEN_TORCH_COMPILE") == "1":
            self._module = torch.compile(self._module, dynamic=True)
        self.info = BackendInfo(TORCH, self._device, precision, request.threads)

    def logits(self, input_ids: TokenIds, attention_mask: TokenIds) -> Floats:
        with torch.inference_mode():
            output = self._module(
                input_ids=torch.from_numpy(input_ids).to(self._device),
                attention_mask=torch.from_numpy(attention_mask).to(self._device),
            )
        values: Floats = output.logits.float().cpu().numpy()
        return values


def _fastest_precision(device: str) -> str:
    if device == "cuda":
        return BF16 if torch.cuda.is_bf16_supported() else F16
    if device == "mps":
        return F16
    return BF16 if has_fast_bfloat16() else F32
