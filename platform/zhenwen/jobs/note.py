"""What a forked child wants its parent to know should it die."""

from __future__ import annotations

import json
import mmap
from typing import Any

SIZE_BYTES = 1024


class ForkNote:
    """A few words in memory that both share. Made before the fork; the child writes, the parent reads."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, SIZE_BYTES)

    def write(self, content: Any) -> None:
        """Content that JSON can hold, in less than `SIZE_BYTES`."""
        self._memory[:] = json.dumps(content).encode("ascii").ljust(SIZE_BYTES, b"\0")

    def clear(self) -> None:
        self._memory[:] = bytes(SIZE_BYTES)

    def taken(self) -> Any:
        """What was written since the note was last taken; None if nothing was."""
        content = self._memory[:].rstrip(b"\0")
        self.clear()
        return json.loads(content) if content else None
