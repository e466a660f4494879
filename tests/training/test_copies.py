"""Texts of a model that a person wrote: listed, and passed over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from detection.training import texts
from detection.training.copies import list_copies, list_overlaps
from detection.training.texts import (
    CorpusText,
    development_texts,
    is_for_calibration,
    is_held_out,
    read_all_texts,
    read_texts,
)
from tests.training.made_corpora import made_text, row, write_corpus


@pytest.fixture(autouse=True)
def _list_of_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(texts, "COPIES_FILE", tmp_path / "copies.jsonl")
    monkeypatch.setattr(texts, "OVERLAPS_FILE", tmp_path / "overlaps.jsonl")
    for file in (texts.COPIES_FILE, texts.OVERLAPS_FILE):
        file.touch()
    texts.copied_digests.cache_clear()
    texts.overlapping_digests.cache_clear()
    yield
    texts.copied_digests.cache_clear()
    texts.overlapping_digests.cache_clear()


def listed(folder: Path) -> set[str]:
    list_copies(files=sorted(folder.glob("*.jsonl.xz")), target=texts.COPIES_FILE)
    return {json.loads(line)["digest"] for line in texts.COPIES_FILE.read_text("utf-8").splitlines()}


def digests(folder: Path, *sources: str) -> set[str]:
    return {text.digest for text in all_texts(folder) if text.source in sources}


def all_texts(folder: Path) -> list[CorpusText]:
    return [text for path in sorted(folder.glob("*.jsonl.xz")) for text in read_all_texts(path)]


def test_a_recited_text_is_listed_and_one_that_quotes_is_not(tmp_path: Path) -> None:
    essay = made_text("essay", sentences=20)
    sentences = essay.split("。")
    recited = "好的，范文如下：\n" + "，".join(sentences[2:18])  # the same words, other punctuation
    quoting = "。".join([*sentences[:4], made_text("comment", sentences=12)])
    write_corpus(tmp_path, [row("ai", "recited", 1, text=recited), row("ai", "quoting", 1, text=quoting)])
    write_corpus(tmp_path, [row("human", "essays", 1, text=essay), row("ai", "own", 1)], "dev")
    assert listed(tmp_path) == digests(tmp_path, "recited")


def test_what_only_another_model_wrote_is_no_copy(tmp_path: Path) -> None:
    same = made_text("answer")
    write_corpus(
        tmp_path, [row("ai", "one", 1, text=same), row("ai", "two", 1, text=same), row("human", "h", 1)]
    )
    assert listed(tmp_path) == set()


def test_texts_shorter_than_a_run_are_no_copies(tmp_path: Path) -> None:
    write_corpus(tmp_path, [row("human", "h", 1, text="天地人。"), row("ai", "short", 1, text="天地人。")])
    assert listed(tmp_path) == set()


def test_the_list_holds_nothing_of_a_text(tmp_path: Path) -> None:
    essay = made_text("essay")
    write_corpus(tmp_path, [row("human", "essays", 1, text=essay), row("ai", "recited", 1, text=essay)])
    assert len(listed(tmp_path)) == 1
    assert essay[:8] not in texts.COPIES_FILE.read_text("utf-8")


def test_what_is_listed_is_read_no_more_and_the_person_keeps_the_text(tmp_path: Path) -> None:
    essay = made_text("essay")
    write_corpus(
        tmp_path,
        [row("human", "essays", 1, text=essay), row("ai", "recited", 1, text=essay), row("ai", "own", 1)],
    )
    listed(tmp_path)
    assert [text.source for text in read_texts(tmp_path / "train.jsonl.xz")] == ["essays", "own"]


def overlaps(folder: Path, development: dict[str, list[dict[str, str]]]) -> set[str]:
    for name in ("dev", "dev_ood", "dev_fpr"):
        write_corpus(folder, development.get(name, []), name)
    list_overlaps(data=folder, trained=[folder / "train.jsonl.xz"], target=texts.OVERLAPS_FILE)
    texts.overlapping_digests.cache_clear()
    return set(texts.overlapping_digests())


def sources(folder: Path, name: str) -> list[str]:
    return [text.source for text in development_texts(folder, name)]


def test_what_training_reads_elsewhere_neither_measures_nor_calibrates(tmp_path: Path) -> None:
    answer, essay = made_text("answer", sentences=20), made_text("essay", sentences=20)
    write_corpus(tmp_path, [row("human", "answers", 1, text=answer), row("ai", "essays", 1, text=essay)])
    unseen = [
        row("human", "same", 1, text="，".join(answer.split("。")[2:18])),
        row("ai", "same too", 1, text=essay),
        row("human", "other", 1, text=made_text("another", sentences=20)),
    ]
    assert len(overlaps(tmp_path, {"dev_ood": unseen, "dev": unseen})) == 2
    assert sources(tmp_path, "dev_ood") == sources(tmp_path, "dev") == ["other"]


def test_what_training_holds_out_does_not_overlap(tmp_path: Path) -> None:
    title = next(f"title {n}" for n in range(100) if is_held_out("human", f"title {n}", ""))
    answer = made_text("answer")
    write_corpus(tmp_path, [row("human", "answers", 1, text=answer, pair=title), row("ai", "a", 1)])
    assert not overlaps(tmp_path, {"dev_ood": [row("human", "same", 1, text=answer)]})


def test_what_calibrates_elsewhere_does_not_measure(tmp_path: Path) -> None:
    calibrating, measuring = (
        next(f"title {n}" for n in range(100) if is_for_calibration(corpus_text(f"title {n}")) is side)
        for side in (True, False)
    )
    answer = made_text("answer")
    write_corpus(tmp_path, [row("ai", "a", 1)])
    development = [
        row("human", "calibrates", 1, text=answer, pair=calibrating),
        row("human", "measures", 1, text=answer, pair=measuring),
    ]
    assert len(overlaps(tmp_path, {"dev": development})) == 1
    assert sources(tmp_path, "dev") == ["calibrates"]  # though it is the same text


def corpus_text(pair: str) -> CorpusText:
    return CorpusText("", "human", "", "", "s", pair)


def test_the_lists_that_ship_are_well_formed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for file in (texts.COPIES_FILE, texts.OVERLAPS_FILE):
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        assert rows
        assert all(set(row) == {"digest", "source", "generator", "domain", "share"} for row in rows)
        assert all(row["share"] >= 0.5 for row in rows)  # rounded
