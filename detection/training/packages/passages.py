"""Paragraphs -> passages of running Chinese text, each once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from detection.scoring.characters import IDEOGRAPHS
from detection.scoring.normalise import normalise

LEAST_CHARACTERS = 100
RUN = 40

_ENOUGH = 400  # a passage ends at the paragraph that reaches this
_LONG = 1000  # a paragraph longer than this is cut at ends of sentences
_LEAST_PARAGRAPH = 20
_LEAST_CHINESE = 0.6
_STEP = 10
_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")
_SENTENCE_END = re.compile(r"[。！？；…][”』」）]*")
_WHOLE = re.compile(r"[。！？…；：:][”』」）)]*$")
_MARKUP = re.compile(r"[{}$|\\@#]{2}|\$\w|%[sd(]|https?://\S+|</?\w+|&\w+;|_\(|\w='")
_BOILERPLATE = re.compile(
    r"版权|版權|著作权|GPL|GNU (?:自由|通用)|自由软件基金|自由軟體基金|公共许可|授權條款|Copyright|翻译|翻譯|"
    r"译者|譯者|维护人|中文版|中文手册|手册页|线上说明"
)


def passages(paragraphs: Iterable[str]) -> Iterator[str]:
    """Running text of 100 to 2,000 characters, mostly about 400, cut at ends of paragraphs."""
    passage = ""
    for paragraph in paragraphs:
        for piece in _pieces(paragraph) if is_prose(paragraph) else ():
            passage = f"{passage}\n{piece}".strip()
            if len(passage) >= _ENOUGH:
                yield passage
                passage = ""
    if len(passage) >= LEAST_CHARACTERS:
        yield passage


def is_prose(paragraph: str) -> bool:
    """Whole sentences, mostly Chinese, neither markup nor an option nor what stands in every manual."""
    letters = len(paragraph) - paragraph.count(" ")
    return (
        letters >= _LEAST_PARAGRAPH
        and not paragraph.startswith("-")
        and len(_IDEOGRAPH.findall(paragraph)) >= _LEAST_CHINESE * letters
        and _WHOLE.search(paragraph) is not None
        and _MARKUP.search(paragraph) is None
        and _BOILERPLATE.search(paragraph) is None
    )


def _pieces(paragraph: str) -> Iterator[str]:
    """The paragraph, or where it is long its sentences in pieces of about `_ENOUGH` characters."""
    start = 0
    if len(paragraph) > _LONG:
        for end in _SENTENCE_END.finditer(paragraph):
            if end.end() - start >= _ENOUGH:
                yield paragraph[start : end.end()]
                start = end.end()
    if 0 < len(paragraph) - start <= _LONG:
        yield paragraph[start:]


class Known:
    """Runs of characters that have been seen, so that nothing comes twice or out of a development file."""

    def __init__(self) -> None:
        self._runs: set[str] = set()

    def add(self, text: str) -> None:
        self._runs.update(_runs(text)[::_STEP])

    def share(self, text: str) -> float:
        """How much of the text has been seen, 0 to 1: about, for one run in `_STEP` is remembered."""
        runs = _runs(text)
        return min(1.0, _STEP * sum(run in self._runs for run in runs) / max(len(runs), _STEP))


def _runs(text: str) -> list[str]:
    """Every run of `RUN` Chinese characters in simplified script; the whole text where it is shorter."""
    content = "".join(_IDEOGRAPH.findall(normalise(text).text))
    return [content[start : start + RUN] for start in range(max(len(content) - RUN, 0) + 1)]
