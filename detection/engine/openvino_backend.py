"""Running a model with OpenVINO on the CPU, from its IR; converted once where a folder brings none."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from detection.engine.backends import BF16, F32, INT8, OPENVINO, BackendInfo, LoadRequest
from detection.engine.batches import TokenIds
from detection.engine.conversion import converted
from detection.engine.head import Floats
from detection.engine.manifest import INT8_IR_FILE, IR_FILE, ModelFolderError
from detection.engine.merging import LargeBlocks, merging_runs
from detection.engine.openvino_runtime import ov
from detection.engine.processor import has_fast_bfloat16

logger = logging.getLogger(__name__)

_DEVICE = "CPU"
# (rows, tokens) like most batches: for a few tokens weights are packed in another form.
_PACKING_INPUT = np.ones((1, 512), dtype=np.int64)


class OpenVinoBackend:
    """In 8-bit integers where the model folder says that this was measured to do, else in bfloat16 or f32.

    A call that runs alone has all threads. Where there are lanes, those that run beside others have one
    thread each: a pass that is spread over all cores waits for whichever of them something else has taken,
    which on busy cores costs more than it gains.
    """

    def __init__(self, request: LoadRequest) -> None:
        arithmetic = BF16 if has_fast_bfloat16() else F32
        has_int8 = (request.folder / INT8_IR_FILE).exists()
        precision = request.choose_precision(
            best=INT8 if has_int8 and request.manifest.cpu_precision == INT8 else arithmetic,
            possible=(F32, BF16, INT8) if has_int8 else (F32, BF16),
            where=OPENVINO,
        )
        path = request.folder / INT8_IR_FILE if precision == INT8 else _ir_path(request)
        lanes = min(request.lanes, request.threads)
        hint = arithmetic if precision == INT8 else precision
        with LargeBlocks() as packed:
            self._alone: Any = _compiled(
                path, hint, threads=request.threads, streams=1
            ).create_infer_request()
            beside = _compiled(path, hint, threads=lanes, streams=lanes) if lanes > 1 else None
            # What follows is guarded by this.
            self._changed = threading.Lock()
            self._beside: list[Any] = [beside.create_infer_request() for _ in range(lanes)] if beside else []
            self._running = 0
            for infer_request in (self._alone, *self._beside):  # the first pass packs the weights
                infer_request.infer({"input_ids": _PACKING_INPUT, "attention_mask": _PACKING_INPUT})
        if offered := packed.offer():
            merges = "which the kernel merges" if merging_runs() else "were the kernel to merge them"
            logger.info("offered %d MiB of weights that other workers may share, %s", offered >> 20, merges)
        self.info = BackendInfo(OPENVINO, "cpu", precision, request.threads, lanes)

    def logits(self, input_ids: TokenIds, attention_mask: TokenIds) -> Floats:
        with self._infer_request() as request:
            outputs = request.infer({"input_ids": input_ids, "attention_mask": attention_mask})
            return np.array(outputs[0], dtype=np.float32)  # a copy: OpenVINO uses the buffer again

    @contextmanager
    def _infer_request(self) -> Iterator[Any]:
        with self._changed:
            request = self._beside.pop(0) if self._running else self._alone
            self._running += 1
        try:
            yield request
        finally:
            with self._changed:
                self._running -= 1
                if request is not self._alone:
                    self._beside.append(request)


def _compiled(path: Path, precision: str, *, threads: int, streams: int) -> Any:
    try:
        return ov.Core().compile_model(
            path,
            _DEVICE,
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": threads,
                "NUM_STREAMS": streams,
                # Pinned, the workers of a host would all sit on the same first cores.
                "ENABLE_CPU_PINNING": False,
                "INFERENCE_PRECISION_HINT": precision,
            },
        )
    except RuntimeError as error:
        raise ModelFolderError(f"{path}: OpenVINO cannot load it: {error}") from error


def export_ir(folder: Path, target: Path, *, is_per_token: bool) -> Path:
    """Write the IR of a folder's weights (fp16, dynamic shapes) into the folder `target`; needs torch."""
    import torch

    from detection.engine.torch_backend import example_input, load_module

    module = load_module(folder, is_per_token=is_per_token)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns about every branch it takes
        model = ov.convert_model(module, example_input=example_input())
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
    return converted(
        request,
        file=IR_FILE,
        convert=lambda target: export_ir(request.folder, target, is_per_token=request.head.is_per_token),
    )
