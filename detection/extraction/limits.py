"""How much of a file may be read before it is turned away, and what the reading process may use."""

from __future__ import annotations

import resource
from dataclasses import dataclass

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ExtractionLimits:
    """What a file may hold. Checked before the expensive step that the limit protects."""

    size_bytes: int = 20 * MEGABYTE
    unzipped_bytes: int = 200 * MEGABYTE
    zip_entries: int = 5_000
    zip_ratio: int = 100  # unzipped to zipped, judged only above `zip_ratio_free_bytes`
    zip_ratio_free_bytes: int = 20 * MEGABYTE
    xml_bytes: int = 60 * MEGABYTE  # of one XML part
    xml_tags: int = 4_000_000  # of one XML part, opening and closing
    pages: int = 2_000
    characters: int = 400_000  # of the extracted text

    # The process that extracts.
    memory_bytes: int = 2048 * MEGABYTE
    cpu_seconds: int = 60
    written_bytes: int = 64 * MEGABYTE
    open_files: int = 256


DEFAULT_LIMITS = ExtractionLimits()


def process_limits(limits: ExtractionLimits = DEFAULT_LIMITS) -> dict[int, tuple[int, int]]:
    """`resource.RLIMIT_*` -> (soft, hard), for `resource.setrlimit` in a forked worker before it extracts.

    The processor limit's soft end raises SIGXCPU, its hard end kills; wall-clock time is the caller's job.
    """
    return {
        resource.RLIMIT_AS: (limits.memory_bytes, limits.memory_bytes),
        resource.RLIMIT_CPU: (limits.cpu_seconds, limits.cpu_seconds + 5),
        resource.RLIMIT_FSIZE: (limits.written_bytes, limits.written_bytes),
        resource.RLIMIT_NOFILE: (limits.open_files, limits.open_files),
        resource.RLIMIT_CORE: (0, 0),
    }
