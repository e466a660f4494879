"""Which texts are trained on, and in which form."""

from __future__ import annotations

from pathlib import Path

import pytest

from detection.training.corpora import prepare_corpora, read_corpora
from detection.training.encoders.conversion import build_tokenizer
from detection.training.texts import AI, MEASURED_WRITTEN, WRITTEN, is_held_out, read_texts
from tests.training.made_corpora import WORDS, made_text, row, write_corpus


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    path = tmp_path / "tokenizer.json"
    build_tokenizer(WORDS).save(str(path))
    return path


def test_texts_that_differ_in_formatting_alone_are_one_text(tmp_path: Path, tokenizer: Path) -> None:
    plain = made_text("one")
    dressed = "**" + plain.replace("。", "。\n\n") + "**"
    write_corpus(
        tmp_path, [row("ai", "a", 1, text=plain), row("ai", "b", 2, text=dressed), row("ai", "a", 3)]
    )
    assert prepare_corpora(data=tmp_path, tokenizer=tokenizer, target=tmp_path / "out") == 2
    assert [text.source for text in read_corpora(tmp_path / "out")] == ["a", "a"]


def test_calibration_texts_refined_texts_and_scraps_are_left_out(tmp_path: Path, tokenizer: Path) -> None:
    human = [row("human", "h", number) for number in range(200)]
    held_out = [r for r in human if is_held_out(r["label"], r["pair"], r["text"])]
    rest = [row("refined", "r", 1), row("ai", "a", 1, text="天地人。"), row("ai", "a", 2)]
    write_corpus(tmp_path, [*human, *rest])
    count = prepare_corpora(data=tmp_path, tokenizer=tokenizer, target=tmp_path / "out")
    texts = read_corpora(tmp_path / "out")
    assert 0 < len(held_out) < 30
    assert count == len(texts) == 200 - len(held_out) + 1
    assert {text.pair for text in texts}.isdisjoint(r["pair"] for r in held_out)


def test_tokens_come_back_as_they_were_stored(tmp_path: Path, tokenizer: Path) -> None:
    rows = [row("ai", "a", number) for number in range(5)]
    write_corpus(tmp_path, rows)
    prepare_corpora(data=tmp_path, tokenizer=tokenizer, target=tmp_path / "out")
    for text, content in zip(read_corpora(tmp_path / "out"), rows, strict=True):
        assert [WORDS[number] for number in text.tokens] == list(content["text"])
        assert (text.label, text.pair) == ("ai", content["pair"])


def test_texts_written_for_the_product_are_read_last(tmp_path: Path, tokenizer: Path) -> None:
    write_corpus(tmp_path, [row("ai", "a", 1)])
    write_corpus(tmp_path, [row("ai", "w_law", 2)], "written")
    written = tmp_path / "written.jsonl.xz"
    prepare_corpora(data=tmp_path, tokenizer=tokenizer, target=tmp_path / "out", written=written)
    assert [text.source for text in read_corpora(tmp_path / "out")] == ["a", "w_law"]


def test_what_is_written_to_train_with_shares_no_text_with_what_is_kept_to_measure() -> None:
    trained, kept = list(read_texts(WRITTEN)), list(read_texts(MEASURED_WRITTEN))
    assert len(trained) > len(kept) > 0
    assert {text.label for text in trained + kept} == {AI}
    assert {text.pair for text in trained}.isdisjoint(text.pair for text in kept)
    assert {text.text for text in trained}.isdisjoint(text.text for text in kept)
