"""Documents of known authorship: cut, joined and spliced without losing who wrote what."""

from __future__ import annotations

import numpy as np

from detection.scoring.prepare import plain_document, prepare
from detection.training.documents import Chain, Document, chains, crops, spread, windows
from detection.training.splices import splices
from detection.training.texts import AI, HUMAN, CorpusText, is_for_calibration
from tests.training.made_corpora import made_text


def corpus_text(label: str, number: int, *, source: str = "s", sentences: int = 30) -> CorpusText:
    text = made_text(f"{label} {source} {number}", sentences)
    return CorpusText(text, label, "" if label == HUMAN else "model", "weather", source, f"title {number}")


def test_spread_gives_every_source_its_turn() -> None:
    texts = [corpus_text(HUMAN, n, source="large", sentences=3) for n in range(50)]
    texts += [corpus_text(HUMAN, n, source="small", sentences=3) for n in range(4)]
    chosen = spread(texts, (lambda t: t.source,), 8, 1)
    assert [sum(t.source == s for t in chosen) for s in ("large", "small")] == [4, 4]


def test_crops_are_short_passages_of_whole_sentences() -> None:
    texts = [corpus_text(HUMAN, number) for number in range(40)]
    made = crops(texts, count=3, seed=5)
    assert len(made) > 90
    for document in made:
        assert 60 <= len(document.text) < 300
        assert document.text.endswith("。")
        assert any(document.text in text.text for text in texts)


def test_several_crops_of_a_text_are_not_the_same_one() -> None:
    text = corpus_text(HUMAN, 1)
    made = crops([text], count=4, seed=5)
    assert 4 < len(made) <= 8
    assert len({document.text for document in made}) == len(made)
    assert {document.text_digest for document in made} == {text.digest}


def test_what_is_drawn_from_a_text_does_not_hang_on_the_others() -> None:
    texts = [corpus_text(HUMAN, number) for number in range(4)]
    alone = crops(texts[2:3], count=3, seed=5)
    assert [d for d in crops(texts, count=3, seed=5) if d.group == texts[2].group] == alone
    assert crops(texts[2:3], count=3, seed=6) != alone


def test_chains_join_texts_of_one_author_only() -> None:
    texts = [corpus_text(label, n) for n in range(12) for label in (HUMAN, AI)]
    made = [chain.document for chain in chains(texts)]
    assert {document.label for document in made} == {HUMAN, AI}
    for document in made:
        own = [t.text for t in texts if t.label == document.label]
        assert all(any(line in text for text in own) for line in document.text.split("\n"))


def test_the_segments_of_windows_are_segments_of_the_whole() -> None:
    [chain] = chains([corpus_text(HUMAN, 1, sentences=120)])
    of_the_whole = {segment.text for segment in prepare(plain_document(chain.document.text)).segments}
    parts = windows(chain)
    assert len(parts) > len(of_the_whole)
    for part in parts:
        assert {s.text for s in prepare(plain_document(part.text)).segments} <= of_the_whole


def test_a_window_counts_with_the_text_that_most_of_it_comes_from() -> None:
    texts = [corpus_text(HUMAN, number) for number in range(8)]
    by_digest = {text.digest: text.text for text in texts}
    parts = [part for chain in chains(texts) for part in windows(chain)]
    inside = [part for part in parts if any(part.text in text.text for text in texts)]
    assert len({part.text_digest for part in inside}) > 2
    assert all(part.text in by_digest[part.text_digest] for part in inside)
    chain = Chain(Document("天地玄黄人", HUMAN, "s", "", "g"), (0, 2), ("first", "second"))
    assert [chain.part(0, 3).text_digest, chain.part(1, 5).text_digest] == ["first", "second"]


def test_a_long_document_is_cut_after_a_sentence() -> None:
    document = Document("天地人。" * 100, HUMAN, "s", "", "g")
    assert document.shortened(10).text == "天地人。天地人。"
    assert document.shortened(1000) is document


def test_sentences_of_a_splice_are_labelled_by_who_wrote_them() -> None:
    texts = [corpus_text(label, n) for n in range(20) for label in (HUMAN, AI)]
    human = {t.pair: t.text for t in texts if t.label == HUMAN}
    made = splices(texts, count=15, seed=2)
    assert len(made) == 15
    for splice in made:
        prepared = prepare(plain_document(splice.text))
        labels = splice.sentence_labels(prepared)
        assert labels.any()
        assert not labels.all()
        title = splice.group.removeprefix("s/")
        by_hand = [splice.text[s.start : s.end].strip() not in human[title] for s in prepared.sentences]
        assert np.array_equal(labels, by_hand)


def test_calibration_and_measurement_share_no_document() -> None:
    passages = [corpus_text(HUMAN, number % 50) for number in range(100)]
    sides: dict[str, set[bool]] = {}
    for passage in passages:
        sides.setdefault(passage.pair, set()).add(is_for_calibration(passage))
    assert all(len(side) == 1 for side in sides.values())
    assert {True} in sides.values()
    assert {False} in sides.values()
