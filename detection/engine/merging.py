"""Letting the kernel keep one copy of the weights that several workers of a host hold alike.

OpenVINO packs weights for the processor into memory of each process, always into the same bytes. Linux merges
equal pages of processes that ask for it, where its same-page merging runs (`/sys/kernel/mm/ksm/run` is 1): so
a further worker costs its libraries and what it computes with, and not all of the weights again. A page that
is written to becomes the process's own again: merging may cost time, never correctness.

Only large blocks that are allocated while a model packs its weights are offered. A swap of models packs while
others score: blocks that their threads allocate in that second are offered too, at the price of a look.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

# Linux and the GNU C library.
_MADV_MERGEABLE = 12
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MAPS = Path("/proc/self/maps")
_SWITCH = Path("/sys/kernel/mm/ksm/run")

LEAST_BYTES = 256 * 1024
# The most that the C library's own adaptation can end at; once set, it stays.
_USUAL_THRESHOLD_BYTES = 32 * 1024 * 1024

Span = tuple[int, int]  # first address, address after the last


class LargeBlocks:
    """The blocks of memory of `LEAST_BYTES` and more that this process allocates within the context.

    Within it they have pages of their own and begin at the same place of a page in every process, unless they
    find room in what was freed before: else they would seldom be equal page by page.
    """

    def __enter__(self) -> Self:
        self._before = list(_anonymous_spans())
        _set_thresholds(LEAST_BYTES)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _set_thresholds(_USUAL_THRESHOLD_BYTES)
        self._spans = [
            span for span in without(_anonymous_spans(), self._before) if _size(span) >= LEAST_BYTES
        ]

    def offer(self) -> int:
        """Let the kernel merge pages of the blocks, now and later; returns their size in bytes, or 0."""
        if sys.platform != "linux":
            return 0
        library = ctypes.CDLL(None)
        return sum(
            _size(span)
            for span in self._spans
            if library.madvise(ctypes.c_void_p(span[0]), ctypes.c_size_t(_size(span)), _MADV_MERGEABLE) == 0
        )


def merging_runs() -> bool:
    """Whether the kernel merges what it is offered."""
    try:
        return _SWITCH.read_text("ascii").strip() == "1"
    except OSError:
        return False


def without(spans: Iterable[Span], taken: Sequence[Span]) -> list[Span]:
    """The parts of `spans` that lie in none of `taken`; both sorted."""
    parts = []
    for first, end in spans:
        for other_first, other_end in taken:
            if other_end <= first or other_first >= end:
                continue
            if other_first > first:
                parts.append((first, other_first))
            first = max(first, other_end)
        if first < end:
            parts.append((first, end))
    return parts


def _size(span: Span) -> int:
    return span[1] - span[0]


def _anonymous_spans() -> Iterator[Span]:
    """Writable memory of this process alone that no file stands behind."""
    try:
        lines = _MAPS.read_text("ascii", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        addresses, access, *about = line.split()
        if access == "rw-p" and len(about) == 3:  # offset, device, inode, and no name
            first, end = addresses.split("-")
            yield int(first, 16), int(end, 16)


def _set_thresholds(size_bytes: int) -> None:
    if sys.platform != "linux":
        return
    change = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if change is not None:
        change(_M_MMAP_THRESHOLD, size_bytes)
        change(_M_TRIM_THRESHOLD, 2 * _USUAL_THRESHOLD_BYTES)
