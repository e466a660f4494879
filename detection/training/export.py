"""From trained weights to a model folder that the engine loads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from detection.engine import Manifest, load_model_folder, read_manifest, write_golden, write_manifest
from detection.engine.manifest import (
    CONFIG_FILE,
    INT8_IR_FILE,
    INT8_IR_WEIGHTS_FILE,
    MANIFEST_FILE,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
)
from detection.engine.openvino_backend import export_ir
from detection.scoring.calibration import CALIBRATION_FILE, Calibration
from detection.training.errors import PipelineError
from detection.training.golden_texts import GOLDEN_TEXTS

LABELS = {"0": "human", "1": "ai"}
MOST_BYTES = 64_000_000  # of what ships

State = dict[str, torch.Tensor]


class ExportError(PipelineError):
    """Something that must not be shipped."""


def export_model(
    *,
    base: Path,
    tokenizer: Path,
    target: Path,
    name: str,
    version: str,
    description: str,
    checkpoint: Path | None = None,
    mean_with: Sequence[Path] = (),
    most_bytes: int | None = None,
) -> Manifest:
    """Write a model folder: configuration and weights of `base`, or the averaged weights of `checkpoint`.

    `mean_with`: model folders of the same build; the mean of their weights and these is written. The folder
    has no calibration yet and therefore gives no verdicts. It takes its place when it is whole: where
    anything fails, what lay in `target` stays as it was. Raises ExportError over `most_bytes`, and for
    weights of different builds.
    """
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as work:
        made = Path(work) / target.name
        if target.exists():
            shutil.copytree(target, made)  # what is no part of a model stays beside the new one
        made.mkdir(exist_ok=True)
        for stale in (MANIFEST_FILE, CALIBRATION_FILE, INT8_IR_FILE, INT8_IR_WEIGHTS_FILE):
            (made / stale).unlink(missing_ok=True)
        config = {**json.loads((base / CONFIG_FILE).read_text("utf-8")), **_head_configuration()}
        (made / CONFIG_FILE).write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", "utf-8")
        state = averaged_state(checkpoint) if checkpoint else load_file(base / WEIGHTS_FILE)
        state = mean_state([state, *(load_file(folder / WEIGHTS_FILE) for folder in mean_with)])
        save_file(halved(state), made / WEIGHTS_FILE, metadata={"format": "pt"})
        shutil.copyfile(tokenizer, made / TOKENIZER_FILE)
        export_ir(made, made, is_per_token=True)
        for file in made.iterdir():
            file.chmod(0o644)
        write_manifest(made, name=name, version=version, description=description)
        write_golden(made, scorer=load_model_folder(made, backend="torch"), texts=GOLDEN_TEXTS)
        manifest = write_manifest(made, name=name, version=version, description=description)
        if most_bytes is not None:
            _check_size(made, most_bytes)
        _take_place(made, target, aside=Path(work) / "before")
    return manifest


def set_calibration(folder: Path, calibration: Calibration) -> Manifest:
    """Give a model folder its calibration and renew its manifest."""
    manifest = read_manifest(folder)
    (folder / CALIBRATION_FILE).write_text(calibration.to_json(), "utf-8")
    return write_manifest(
        folder,
        name=manifest.name,
        version=manifest.version,
        description=manifest.description,
        cpu_precision=manifest.cpu_precision,
    )


def averaged_state(checkpoint: Path) -> State:
    """The averaged weights of a training checkpoint, with those that were never changed."""
    content: dict[str, State] = torch.load(checkpoint, map_location="cpu", weights_only=True)
    return content["model"] | content["ema"]


def mean_state(states: Sequence[State]) -> State:
    """Raises ExportError where they are not of one build."""
    first, *others = states
    shapes = {name: tensor.shape for name, tensor in first.items()}
    if any({name: tensor.shape for name, tensor in other.items()} != shapes for other in others):
        raise ExportError("weights of different builds have no mean")
    return {
        name: torch.stack([state[name].float() for state in states]).mean(0)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in first.items()
    }


def halved(state: State) -> State:
    """Floating-point tensors in half precision, everything contiguous and none shared."""
    return {
        name: (tensor.half() if tensor.is_floating_point() else tensor).clone().contiguous()
        for name, tensor in state.items()
    }


def _head_configuration() -> dict[str, Any]:
    return {
        "id2label": LABELS,
        "label2id": {label: int(index) for index, label in LABELS.items()},
        "dtype": "float16",
    }


def _check_size(folder: Path, most_bytes: int) -> None:
    size = sum(file.stat().st_size for file in folder.iterdir())
    if size > most_bytes:
        raise ExportError(f"{folder.name}: {size:,} bytes, more than {most_bytes:,}")


def _take_place(made: Path, target: Path, *, aside: Path) -> None:
    """Put a finished folder where `target` is, which goes `aside`; all three in one file system."""
    try:
        if target.exists():
            target.rename(aside)
        made.rename(target)
    except BaseException:
        if aside.exists() and not target.exists():
            aside.rename(target)
        raise
