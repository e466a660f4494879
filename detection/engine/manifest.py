"""What a model folder is: its name, its version, and a digest that changes with whatever changes a score.

`model.json`: {"name", "version", "description", "files": {file name: SHA-256 in hexadecimal}}, and where a
measurement has decided it "cpu_precision", what the model runs in on a CPU. A folder without it, as an
institution may bring, is named after itself; its digest is that of its files as they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from detection.scoring.calibration import CALIBRATION_FILE

MANIFEST_FILE = "model.json"
CONFIG_FILE = "config.json"
TOKENIZER_FILE = "tokenizer.json"
WEIGHTS_FILE = "model.safetensors"
IR_FILE = "openvino_model.xml"
IR_WEIGHTS_FILE = "openvino_model.bin"
INT8_IR_FILE = "openvino_model_int8.xml"
INT8_IR_WEIGHTS_FILE = "openvino_model_int8.bin"
GOLDEN_FILE = "golden.json"

_MODEL_FILES = (WEIGHTS_FILE, IR_FILE, INT8_IR_FILE)
_SCORE_FILES = (CONFIG_FILE, TOKENIZER_FILE, *_MODEL_FILES, IR_WEIGHTS_FILE, INT8_IR_WEIGHTS_FILE)
_OTHER_FILES = (CALIBRATION_FILE, GOLDEN_FILE)


class ModelFolderError(Exception):
    """A model folder that cannot be used, with a reason an operator can act on."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`digest` covers what makes scores; calibration has a digest of its own, so that it alone can change."""

    name: str
    version: str
    description: str
    files: Mapping[str, str]
    digest: str
    cpu_precision: str | None = None


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder, checked against its files; raises ModelFolderError."""
    _check_presence(folder)
    path = folder / MANIFEST_FILE
    actual = {
        name: _sha256(folder / name) for name in (*_SCORE_FILES, *_OTHER_FILES) if (folder / name).exists()
    }
    if not path.exists():
        return Manifest(folder.name, "unversioned", "", actual, _digest(actual))
    try:
        content = json.loads(path.read_text("utf-8"))
        cpu_precision = content.get("cpu_precision")
        manifest = Manifest(
            name=str(content["name"]),
            version=str(content["version"]),
            description=str(content.get("description", "")),
            files=dict(content["files"]),
            digest=_digest(content["files"], cpu_precision),
            cpu_precision=cpu_precision,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFolderError(f"{path}: not a manifest ({error!r})") from error
    for name in sorted({*manifest.files, *actual}):
        if manifest.files.get(name) != actual.get(name):
            raise ModelFolderError(f"{folder / name}: not the file that {MANIFEST_FILE} names")
    return manifest


def write_manifest(
    folder: Path, *, name: str, version: str, description: str = "", cpu_precision: str | None = None
) -> Manifest:
    """Take stock of a finished folder. Call it last: any later change to a file makes it unusable."""
    files = {
        file: _sha256(folder / file) for file in (*_SCORE_FILES, *_OTHER_FILES) if (folder / file).exists()
    }
    content = {"name": name, "version": version, "description": description, "files": files}
    if cpu_precision:
        content["cpu_precision"] = cpu_precision
    text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    (folder / MANIFEST_FILE).write_text(text, "utf-8")
    return read_manifest(folder)


def _check_presence(folder: Path) -> None:
    if not folder.is_dir():
        raise ModelFolderError(f"{folder}: no such model folder")
    for name in (CONFIG_FILE, TOKENIZER_FILE):
        if not (folder / name).is_file():
            raise ModelFolderError(f"{folder}: {name} is missing")
    if not any((folder / name).is_file() for name in _MODEL_FILES):
        raise ModelFolderError(f"{folder}: none of {', '.join(_MODEL_FILES)}; pickled weights are not loaded")


def _digest(files: Mapping[str, str], cpu_precision: str | None = None) -> str:
    scoring = {name: digest for name, digest in files.items() if name not in _OTHER_FILES}
    if cpu_precision:
        scoring["cpu_precision"] = cpu_precision
    return hashlib.sha256(json.dumps(scoring, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
