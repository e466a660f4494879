"""Marks of layout blanked out with NULs, which keeps the length: the words stay, the dress goes."""

from __future__ import annotations

import re
from collections.abc import Callable

_BLANK = "\0"
_TAGS = "a|b|i|u|em|strong|br|p|div|span|sup|sub|font|hr|h[1-6]"
_NUMERAL = "[一二三四五六七八九十]{1,3}"


def _gone(match: re.Match[str]) -> str:
    return _BLANK * len(match[0])


def _keep_first_group(match: re.Match[str]) -> str:
    before, after = match.start(1) - match.start(), match.end() - match.end(1)
    return _BLANK * before + match[1] + _BLANK * after


# At the head of a line.
_LINE_RULES = (
    # A fence of code, a rule across the page, the line under a table's head.
    re.compile(r" *(?:`{3,}|~{3,})[\w+-]{0,20} *$"),
    re.compile(r" *(?:[-*_=|:]++ *+){3,}+$|[-*_=|: ]{3,}$"),
    # Headings, quotations, bullets and numbers, also one after the other.
    re.compile(
        r"(?: |#{1,6} |>|[-+*·] |·"
        r"|\d{1,2}(?:\.\d{1,2}){0,3}[.)、:] ?(?!\d)|\d{1,2}(?:\.\d{1,2}){1,3} "
        rf"|\(\d{{1,2}}\)|\({_NUMERAL}\)|{_NUMERAL}、|[①-⑳])++"
    ),
)
# Anywhere; each with the characters without any of which there is nothing to look for.
_RULES: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    ("[", re.compile(r"!?\[([^\[\]\n]{1,200})\]\([^()\s]{0,300}\)"), _keep_first_group),
    (
        "<",
        re.compile(
            r"</?(?:a|b|i|u|em|strong|br|p|div|span|sup|sub|font|hr|h[1-6])(?: [^<>\n]{0,200})?/?>", re.I
        ),
        _gone,
    ),
    # Emphasis, code marks, formula brackets. Each begins with a plain character: re then skips quickly.
    ("*_~`$\\", re.compile(r"\*\*+|__+|~~+|``*|\$\$*|\\[()\[\]]?"), _gone),
    ("*", re.compile(r"\*(?![0-9A-Za-z(])|(?<![0-9A-Za-z)])\*"), _gone),
    ("|", re.compile(r"\|"), _gone),
)


def blank_markdown(text: str) -> str:
    """The same length, with NULs where marks of layout stood. Lines must end in a line feed only."""
    text = "\n".join(map(_blank_head, text.split("\n")))
    for marks, pattern, replacement in _RULES:
        if any(mark in text for mark in marks):
            text = pattern.sub(replacement, text)
    return text


def _blank_head(line: str) -> str:
    for pattern in _LINE_RULES:
        if match := pattern.match(line):
            line = _gone(match) + line[match.end() :]
    return line
