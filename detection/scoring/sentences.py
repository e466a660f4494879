"""Where sentences end in normalised text."""

from __future__ import annotations

import re

_END = re.compile(r"[。！？；…!?;]+|\.(?=[\"')]* |[\"')]*$)")
_CLOSING = re.compile(r"[)）】》\]']*")
_ABBREVIATION = re.compile(
    r"\b(?:[A-Za-z]|al|ca|cf|dr|eq|eqs|etc|fig|figs|mr|mrs|ms|no|prof|sec|st|tab|vs)\.$", re.I
)
_SPACES = re.compile(" *")


def sentence_ends(text: str) -> list[int]:
    """Ends (exclusive, ascending) of the sentences of a normalised text; the last is the end of the text.

    Closing quotes and brackets, and the space that follows, belong to the sentence before them.
    """
    ends: list[int] = []
    start = 0
    for mark in _END.finditer(text):
        if mark.start() < start or _is_abbreviation(text, mark):
            continue
        start = _end_after_closing(text, start, mark.end())
        ends.append(start)
    if start < len(text):
        ends.append(len(text))
    return ends


def _is_abbreviation(text: str, mark: re.Match[str]) -> bool:
    if mark[0] != ".":
        return False
    return bool(_ABBREVIATION.search(text, max(0, mark.start() - 8), mark.end())) and mark.end() < len(text)


def _end_after_closing(text: str, start: int, end: int) -> int:
    """Normalised quotes have no direction: one closes if an odd number of them stands before it."""
    end = _closing_end(text, end)
    if text.startswith('"', end) and text.count('"', start, end) % 2 == 1:
        end = _closing_end(text, end + 1)
    spaces = _SPACES.match(text, end)
    return spaces.end() if spaces else end


def _closing_end(text: str, end: int) -> int:
    closing = _CLOSING.match(text, end)
    return closing.end() if closing else end
