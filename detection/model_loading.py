"""From a model version to a scorer that may serve, or a reason why not."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from detection.engine import ModelFolderError, ModelScorer, SharedScorer, check_golden, load_model_folder
from detection.models import ModelVersion
from detection.scoring.types import SegmentInput
from zhenwen.jobs.gently import gently

# Shapes to warm up: the lengths segments are padded to, alone and a few together.
WARM_UP_TOKENS = range(64, 513, 64)
WARM_UP_ROWS = (1, 4)
# Beside a model that serves, that one has the machine to itself for so many times as long as each shape took.
REST = 1.0
# A loaded model takes this many times the room of its largest file of weights.
MEMORY_PER_FILE_BYTE = 10


def load_checked(version: ModelVersion, *, beside: bool = False) -> SharedScorer:
    """A version that is what it says and scores its golden set as it must on this machine, warmed up.

    `beside` a model that serves it is done with what that one leaves over. Raises ModelFolderError.
    """
    scorer = gently(lambda: _checked(version, rest=REST)) if beside else _checked(version)
    return SharedScorer(scorer)  # whose threads must not be of low priority


def _checked(version: ModelVersion, *, rest: float = 0.0) -> ModelScorer:
    folder = Path(version.folder)
    scorer = load_model_folder(folder, is_shared=True)
    if (scorer.model_digest, scorer.calibration.digest) != (version.digest, version.calibration_digest):
        raise ModelFolderError(f"{folder}: not the version {version.digest[:12]} any more")
    check_golden(folder, scorer=scorer)
    warm_up(scorer, rest=rest)
    return scorer


def warm_up(scorer: ModelScorer, *, rest: float = 0.0) -> None:
    """Let the first real batches of every shape be no slower than the later ones, in every lane.

    Between two of them it rests for `rest` times as long as the last one took.
    """
    lanes = scorer.backend.lanes
    with ThreadPoolExecutor(lanes) as threads:
        for tokens, rows in product(WARM_UP_TOKENS, WARM_UP_ROWS):
            characters = tokens - 2
            segments = [SegmentInput("文" * characters, (characters,))] * rows
            began = time.monotonic()
            list(threads.map(scorer.score, [segments] * lanes))
            time.sleep(rest * (time.monotonic() - began))


def fits_beside(version: ModelVersion) -> bool:
    """Whether this machine has room for the version besides what it holds; yes where it cannot be asked."""
    available = available_memory_bytes()
    return available is None or available > _memory_bytes(version)


def available_memory_bytes() -> int | None:
    """What Linux could give without swapping, or the rest of the control group's limit if that is less."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return None
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    return min([kilobytes * 1024, *_left_in_control_group()])


def _memory_bytes(version: ModelVersion) -> int:
    files = [path.stat().st_size for path in Path(version.folder).glob("*") if path.is_file()]
    return MEMORY_PER_FILE_BYTE * max(files, default=0)


def _left_in_control_group() -> list[int]:
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = (group / "memory.max").read_text(), (group / "memory.current").read_text()
    except OSError:
        return []
    return [int(limit) - int(used)] if limit.strip().isdigit() else []
