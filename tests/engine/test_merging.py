"""Workers of a host may share the memory of their packed weights."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from detection.engine.merging import LargeBlocks, without

BLOCK_BYTES = 40 * 1024 * 1024  # more than any process has free within what it already holds

has_merging = pytest.mark.skipif(
    not Path("/sys/kernel/mm/ksm").exists(), reason="this kernel merges no pages"
)


def test_parts_that_were_there_before_are_left_out() -> None:
    assert without([(0, 10), (20, 50)], [(5, 7), (18, 30), (40, 60)]) == [(0, 5), (7, 10), (30, 40)]


@has_merging
def test_offers_what_was_allocated_within_and_nothing_else() -> None:
    earlier = np.ones(BLOCK_BYTES, dtype=np.uint8)
    with LargeBlocks() as blocks:
        weights = np.ones(BLOCK_BYTES, dtype=np.uint8)
    later = np.ones(BLOCK_BYTES, dtype=np.uint8)
    assert BLOCK_BYTES <= blocks.offer() < 2 * BLOCK_BYTES
    assert _is_mergeable(weights)
    assert not _is_mergeable(earlier)
    assert not _is_mergeable(later)


def test_offers_nothing_where_memory_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detection.engine.merging._MAPS", Path("/nowhere"))
    with LargeBlocks() as blocks:
        assert np.ones(BLOCK_BYTES, dtype=np.uint8).all()
    assert blocks.offer() == 0


def _is_mergeable(block: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> bool:
    """By the flags of the memory that holds its middle."""
    address = block.ctypes.data + block.nbytes // 2
    inside = False
    for line in Path("/proc/self/smaps").read_text("ascii", errors="replace").splitlines():
        name, _, rest = line.partition(" ")
        if "-" in name:
            first, _, end = name.partition("-")
            inside = int(first, 16) <= address < int(end, 16)
        elif inside and name == "VmFlags:":
            return "mg" in rest.split()
    raise AssertionError("the block lies nowhere")


@has_merging
def test_a_worker_offers_what_the_shipped_model_packs() -> None:
    program = (
        "import logging; logging.basicConfig(level=logging.INFO)\n"
        "from detection.engine import default_model_folder, load_model_folder\n"
        "load_model_folder(default_model_folder(), backend='openvino', precision='f32', threads=1)"
    )
    worker = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    (size_mib,) = re.findall(r"offered (\d+) MiB", worker.stderr)
    assert int(size_mib) > 50
