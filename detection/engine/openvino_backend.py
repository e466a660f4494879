"""Running a model with OpenVINO on the CPU, from its IR; converted once where a folder brings none."""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import openvino as ov

from detection.engine.backends import OPENVINO, BackendInfo, LoadRequest
from detection.engine.batches import TokenIds
from detection.engine.head import Floats
from detection.engine.locations import conversion_cache
from detection.engine.manifest import IR_FILE, ModelFolderError
from detection.engine.processor import has_fast_bfloat16

logger = logging.getLogger(__name__)

_DEVICE = "CPU"


class OpenVinoBackend:
    def __init__(self, request: LoadRequest) -> None:
        core = ov.Core()
        precision = "bf16" if has_fast_bfloat16() else "f32"
        path = _ir_path(request)
        try:
            self._compiled = core.compile_model(
                path,
                _DEVICE,
                {
                    "PERFORMANCE_HINT": "LATENCY",
                    "INFERENCE_NUM_THREADS": request.threads,
                    "INFERENCE_PRECISION_HINT": precision,
                },
            )
        except RuntimeError as error:
            raise ModelFolderError(f"{path}: OpenVINO cannot load it: {error}") from error
        self._request = self._compiled.create_infer_request()
        self.info = BackendInfo(OPENVINO, "cpu", precision, request.threads)

    def logits(self, input_ids: TokenIds, attention_mask: TokenIds) -> Floats:
        outputs = self._request.infer({"input_ids": input_ids, "attention_mask": attention_mask})
        return np.array(outputs[0], dtype=np.float32)  # a copy: OpenVINO uses the buffer again


def export_ir(folder: Path, target: Path, *, is_per_token: bool) -> Path:
    """Write the IR of a folder's weights (fp16, dynamic shapes) into the folder `target`; needs torch."""
    import torch

    from detection.engine.torch_backend import load_module

    module = load_module(folder, is_per_token=is_per_token)
    example = {
        "input_ids": torch.ones((2, 16), dtype=torch.int64),
        "attention_mask": torch.ones((2, 16), dtype=torch.int64),
    }
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns about every branch it takes
        model = ov.convert_model(module, example_input=example)
    for port in model.inputs:
        port.get_node().set_partial_shape(ov.PartialShape([-1, -1]))
    model.validate_nodes_and_infer_types()
    target.mkdir(parents=True, exist_ok=True)
    ov.save_model(model, target / IR_FILE, compress_to_fp16=True)
    return target / IR_FILE


def _ir_path(request: LoadRequest) -> Path:
    shipped = request.folder / IR_FILE
    if shipped.exists():
        return shipped
    cached = conversion_cache() / request.manifest.digest
    if (cached / IR_FILE).exists():
        return cached / IR_FILE
    if not (find_spec("torch") and find_spec("transformers")):
        raise ModelFolderError(
            f"{request.folder}: no {IR_FILE}; "
            "converting takes torch and transformers (see requirements/torch.txt)"
        )
    return _convert_into(cached, request)


def _convert_into(cached: Path, request: LoadRequest) -> Path:
    """Convert beside the cache and move it in whole, so that a second process never sees half a file."""
    cached.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cached.parent) as work:
        logger.info("converting %s for OpenVINO", request.manifest.name)
        converted = Path(work) / "ir"
        export_ir(request.folder, converted, is_per_token=request.head.is_per_token)
        try:
            os.rename(converted, cached)  # noqa: PTH104 - unlike Path.rename the same on every system
        except OSError:
            if not (cached / IR_FILE).exists():
                raise
    return cached / IR_FILE
