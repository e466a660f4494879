"""Making documents of every length, of known authorship, from texts that mostly have one length."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, cycle, zip_longest
from typing import TypeVar

from detection.scoring.prepare import PreparedDocument, PreparedSentence, plain_document, prepare
from detection.training.texts import CorpusText, kind_of

# Of long documents, by turns: a few pages, and now and then a paper.
CHAIN_CHARACTERS = (2100, 2100, 7000)
_CROPS = ((60, 150), (150, 300))
_WINDOW_SEGMENTS = (2, 3)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Document:
    text: str
    label: str
    source: str
    generator: str
    group: str  # documents of one group stand and fall together
    domain: str = ""
    text_digest: str = ""  # of the text that it is a passage of; passages of one text count as one

    @property
    def kind(self) -> str:
        return kind_of(self.source)

    def with_text(self, text: str) -> Document:
        return replace(self, text=text)

    def shortened(self, characters: int) -> Document:
        """Cut after the last sentence that ends before `characters`."""
        if len(self.text) <= characters:
            return self
        end = self.text.rfind("。", 0, characters) + 1
        return self.with_text(self.text[: end or characters])


def whole(text: CorpusText) -> Document:
    return Document(text.text, text.label, text.source, text.generator, text.group, text.domain)


def spread(items: Sequence[T], keys: Sequence[Callable[[T], str]], count: int, seed: int) -> list[T]:
    """Up to `count` items, in turn from each value of the first key, within it of the second, and so on."""
    shuffled = list(items)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - repeatable, no secret
    return _in_turns(shuffled, list(keys))[:count]


def crops(texts: Sequence[CorpusText], *, count: int, seed: int) -> list[Document]:
    """Up to `count` short passages of whole sentences of each short length from each text that has one.

    Each text has a stream of chance of its own: what other texts there are, and how they are cut, changes
    nothing.
    """
    documents = []
    for text in texts:
        rng = random.Random(f"{seed} {text.digest}")  # noqa: S311 - repeatable, no secret
        sentences = prepare(plain_document(text.text)).sentences
        for low, high in _CROPS:
            drawn = [_passage(text.text, sentences, low, high, rng) for _ in range(count)]
            passages = dict.fromkeys(passage for passage in drawn if passage)
            documents += [replace(whole(text), text=passage, text_digest=text.digest) for passage in passages]
    return documents


@dataclass(frozen=True, slots=True)
class Chain:
    """A long document, and where in it which text begins."""

    document: Document
    starts: tuple[int, ...]
    text_digests: tuple[str, ...]

    def part(self, start: int, end: int) -> Document:
        """A passage, of the text that most of it comes from."""
        ends = (*self.starts[1:], len(self.document.text))
        inside = [min(end, e) - max(start, s) for s, e in zip(self.starts, ends, strict=True)]
        most = inside.index(max(inside))
        content = self.document.text[start:end]
        return replace(self.document, text=content, text_digest=self.text_digests[most])


def chains(texts: Iterable[CorpusText]) -> list[Chain]:
    """Long documents: the passages of one document joined, and where they end, those of its neighbours."""
    by_author: defaultdict[tuple[str, str, str], list[CorpusText]] = defaultdict(list)
    for text in texts:
        by_author[text.label, text.source, text.generator].append(text)
    made = []
    for passages in by_author.values():
        passages.sort(key=lambda text: text.pair)
        joined: list[CorpusText] = []
        lengths = cycle(CHAIN_CHARACTERS)
        wanted = next(lengths)
        for passage in passages:
            joined.append(passage)
            if sum(len(p.text) for p in joined) >= wanted:
                made.append(_chain(joined, wanted))
                joined, wanted = [], next(lengths)
        alike = (chain.document for chain in made if chain.document.label == joined[0].label)
        if joined and not any(document.source == joined[0].source for document in alike):
            made.append(_chain(joined, wanted))
    return made


def windows(chain: Chain) -> list[Document]:
    """The document whole, cut into its segments, and cut into a few segments each.

    Cut this way the segments of the parts are those of the whole: their scores cost nothing more.
    """
    prepared = prepare(plain_document(chain.document.text))
    firsts = _first_sentences(prepared)
    count = len(prepared.segments)
    spans = {(i, i + 1) for i in range(count)} | {(0, count)}
    start = 0
    for size in cycle(_WINDOW_SEGMENTS):
        if start + size > count:
            break
        spans.add((start, start + size))
        start += size
    parts = []
    for first, end in sorted(spans):
        sentences = prepared.sentences[firsts[first] : firsts[end]]
        if sentences:
            parts.append(chain.part(sentences[0].start, sentences[-1].end))
    return parts


def _chain(passages: Sequence[CorpusText], characters: int) -> Chain:
    contents = [passage.text.strip() for passage in passages]
    starts = [0, *accumulate(len(content) + 1 for content in contents[:-1])]  # a line break after each
    document = whole(passages[0]).with_text("\n".join(contents)[: 2 * characters])
    return Chain(document, tuple(starts), tuple(passage.digest for passage in passages))


def _passage(
    text: str, sentences: Sequence[PreparedSentence], low: int, high: int, rng: random.Random
) -> str | None:
    wanted = rng.uniform(low, high)
    starts = list(range(len(sentences)))
    rng.shuffle(starts)
    for start in starts[:4]:
        characters, end = 0, start
        while end < len(sentences) and characters < wanted:
            characters += sentences[end].characters
            end += 1
        if low <= characters < high:
            return text[sentences[start].start : sentences[end - 1].end]
    return None


def _first_sentences(prepared: PreparedDocument) -> list[int]:
    """The number of the first sentence of each segment, and at the end the number of sentences."""
    numbers = [0]
    for segment in prepared.segments:
        numbers.append(numbers[-1] + len(segment.sentence_ends))
    return numbers


def _in_turns(items: list[T], keys: Sequence[Callable[[T], str]]) -> list[T]:
    if not keys:
        return items
    groups: defaultdict[str, list[T]] = defaultdict(list)
    for item in items:
        groups[keys[0](item)].append(item)
    ordered = [_in_turns(group, keys[1:]) for group in groups.values()]
    return list(_interleaved(ordered))


def _interleaved(groups: Sequence[list[T]]) -> Iterator[T]:
    missing = object()
    rows = zip_longest(*groups, fillvalue=missing)
    return (item for row in rows for item in row if item is not missing)  # type: ignore[misc]
