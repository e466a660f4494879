"""Files damaged at random are read or refused; nothing else ever comes out."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from detection.extraction.errors import ExtractionError
from detection.extraction.extract import extract_file
from tests.extraction import made_files as made

DAMAGED_FILES = 60


def damaged(data: bytes, chosen: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chosen.choice((1, 3, 10, 40))):
        place = chosen.randrange(len(changed))
        way = chosen.choice(("change", "cut", "insert", "copy"))
        if way == "change":
            changed[place] = chosen.randrange(256)
        elif way == "cut":
            del changed[place : place + chosen.randrange(1, 50)]
        elif way == "insert":
            changed[place:place] = chosen.randbytes(chosen.randrange(1, 30))
        else:
            source = chosen.randrange(len(changed))
            changed[place : place + 20] = changed[source : source + 20]
    return bytes(changed)


def damaged_xml(chosen: random.Random) -> bytes:
    """A whole package whose main part is well compressed and badly written."""
    data = made.paper_docx(characters=600)
    return made.with_part(data, "word/document.xml", damaged(made.part_of(data), chosen))


@pytest.mark.parametrize("kind", ["docx", "pdf", "xml"])
def test_a_damaged_file_is_read_or_refused(kind: str) -> None:
    whole = {"docx": made.paper_docx(characters=600), "pdf": made.paper_pdf(characters=600)}
    outcomes: Counter[str] = Counter()
    for seed in range(DAMAGED_FILES):
        chosen = random.Random(seed)
        data = damaged_xml(chosen) if kind == "xml" else damaged(whole[kind], chosen)
        try:
            document = extract_file(data=data, filename="a.pdf" if kind == "pdf" else "a.docx")
            outcomes["read"] += 1
            document.text.encode()
        except ExtractionError as error:
            outcomes[error.code] += 1
    assert len(outcomes) > 1, "damage that changes nothing proves nothing"
