"""Texts to measure with are prose to the product, and no two of them are alike."""

from __future__ import annotations

from benchmarks.figures.gpu import WINDOW_CHARACTERS
from benchmarks.papers import docx
from benchmarks.texts import Prose
from detection.extraction.extract import extract_file, extract_text
from detection.scoring.prepare import prepare


def test_texts_have_the_length_asked_for_and_differ_from_the_first_sentence_on() -> None:
    texts = Prose(seed=1).texts(500, characters=120)
    assert {len(text) for text in texts} == {120}
    assert len({text[:15] for text in texts}) == 500


def test_the_same_seed_gives_the_same_texts() -> None:
    assert Prose(seed=3).texts(5, characters=300) == Prose(seed=3).texts(5, characters=300)
    assert Prose(seed=3).text(300) != Prose(seed=4).text(300)


def test_all_of_a_text_is_scored() -> None:
    prepared = prepare(extract_text(Prose(seed=5).text(500)))
    assert prepared.characters == 500
    assert prepared.characters_excluded == 0
    assert prepared.language == "zh"


def test_no_two_segments_of_a_paper_are_alike() -> None:
    """Else the cache of segments would answer for the model."""
    segments = prepare(extract_text("\n".join(Prose(seed=6).paper(20_000)))).segments
    assert len({segment.text for segment in segments}) == len(segments) >= 40


def test_a_full_window_is_one_segment() -> None:
    for text in Prose(seed=8).texts(20, characters=WINDOW_CHARACTERS):
        (segment,) = prepare(extract_text(text)).segments
        assert segment.text == text


def test_a_made_word_file_is_read_whole() -> None:
    paragraphs = Prose(seed=7).paper(2_000)
    document = extract_file(data=docx(paragraphs), filename="paper.docx")
    assert [document.text[block.start : block.end].strip() for block in document.blocks] == paragraphs
