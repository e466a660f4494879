"""What the operator reads: short lines, Chinese and English."""

from __future__ import annotations

import sys


class StartError(Exception):
    """The site cannot start; the message says why and what to do, in both languages."""

    def __init__(self, chinese: str, english: str) -> None:
        super().__init__(f"{chinese}\n{english}")


def say(chinese: str, english: str = "") -> None:
    sys.stdout.write(f"{chinese}  {english}\n" if english else f"{chinese}\n")
    sys.stdout.flush()


def complain(error: StartError) -> None:
    lines = str(error).replace("\n", "\n  ")
    sys.stderr.write(f"\n✗ {lines}\n")
    sys.stderr.flush()
