"""Whole papers of ten thousand characters: what was written is what is read, and only that is scored."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from detection.extraction.extract import extract_file
from detection.extraction.limits import DEFAULT_LIMITS, process_limits
from detection.scoring.exclusions import classified
from detection.scoring.types import BlockKind
from tests.extraction import made_files as made
from tests.extraction.reading import assert_covered, texts

MAKERS = {"paper.docx": made.paper_docx, "paper.pdf": made.paper_pdf}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("filename", MAKERS)
def test_the_prose_of_a_paper_is_read_exactly(filename: str, seed: int) -> None:
    paper = made.paper(characters=10_000, seed=seed)
    document = extract_file(data=MAKERS[filename](characters=10_000, seed=seed), filename=filename)
    assert_covered(document)
    assert document.title == paper.title
    written = [*paper.prose, made.CAPTION, made.ACKNOWLEDGEMENT, *made.REFERENCES]
    read = [text for text in texts(document) if text in written]
    assert sorted(read) == sorted(written)
    assert texts(document, BlockKind.FORMULA) == [made.FORMULA]
    assert texts(document, BlockKind.TABLE) == ["\t".join(row) for row in made.TABLE_ROWS]
    assert made.HEADER not in document.text
    assert "— 1 —" not in document.text
    assert "第 1 页" not in document.text


@pytest.mark.parametrize("filename", MAKERS)
def test_of_a_paper_only_its_prose_is_scored(filename: str) -> None:
    document = extract_file(data=MAKERS[filename](characters=6_000), filename=filename)
    scored = [
        document.text[block.start : block.end]
        for block in classified(document)
        if block.kind is BlockKind.PROSE
    ]
    assert scored == list(made.paper(characters=6_000).prose)


def test_a_paper_is_read_within_the_limits_of_the_process() -> None:
    assert resource.RLIMIT_AS in process_limits()
    program = (
        "import resource\n"
        "from detection.extraction.extract import extract_file\n"
        "from detection.extraction.limits import process_limits\n"
        "from tests.extraction.made_files import paper_docx, paper_pdf\n"
        "files = {'a.docx': paper_docx(characters=2000), 'a.pdf': paper_pdf(characters=2000)}\n"
        "for kind, pair in process_limits().items():\n"
        "    resource.setrlimit(kind, pair)\n"
        "assert resource.getrlimit(resource.RLIMIT_AS)[0] == 2048 * 1024 * 1024\n"
        "for name, data in files.items():\n"
        "    assert len(extract_file(data=data, filename=name).text) > 2000\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_hungriest_document_within_the_limits_fits_into_the_process() -> None:
    program = (
        "import resource\n"
        "from detection.extraction.errors import ExtractionError\n"
        "from detection.extraction.extract import extract_file\n"
        "from detection.extraction.limits import process_limits\n"
        "from tests.extraction.made_files import body_docx\n"
        "data = body_docx('<w:p><w:r><w:t/></w:r></w:p>' * 660_000)\n"
        "for kind, pair in process_limits().items():\n"
        "    resource.setrlimit(kind, pair)\n"
        "try:\n"
        "    extract_file(data=data, filename='a.docx')\n"
        "except ExtractionError as error:\n"
        "    assert error.code in {'empty_text', 'too_complex'}, error.code\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=90)


def test_extraction_needs_neither_django_nor_a_model() -> None:
    program = (
        "import sys\n"
        "import detection.extraction.extract, detection.extraction.pdf, detection.extraction.word\n"
        "loaded = {'django', 'torch', 'transformers', 'openvino', 'rq'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_checking_a_pasted_text_does_not_load_the_readers_of_files() -> None:
    program = (
        "import sys\n"
        "from detection.extraction.extract import extract_text\n"
        "extract_text('一句话。')\n"
        "assert 'pypdfium2' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_default_limits_are_those_of_the_documentation() -> None:
    limits = DEFAULT_LIMITS
    assert (limits.size_bytes, limits.unzipped_bytes) == (20 * 1024**2, 200 * 1024**2)
    assert (limits.pages, limits.characters) == (2000, 400_000)
