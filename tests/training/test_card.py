"""The model card says what was measured, and whether an aim was reached, without anybody's help."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from detection.training.card import BEGINNING, END, CardError, measured, write_measured

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / "docs" / "evaluation.json").read_text("utf-8"))
    return content


def aims(report: dict[str, Any]) -> dict[str, bool]:
    lines = measured(report).partition("### Aims")[2].split("\n")
    cells = [line.split(" | ") for line in lines if line.startswith("| ")][1:]
    return {cell[0].removeprefix("| "): cell[-1] == "yes |" for cell in cells}


def test_only_the_part_between_the_marks_is_written(report: dict[str, Any], tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text(f"before\n{BEGINNING}\nWHAT WAS THERE\n{END}\nafter\n", "utf-8")
    write_measured(card, report)
    once = card.read_text("utf-8")
    write_measured(card, report)
    assert card.read_text("utf-8") == once
    assert once.startswith(f"before\n{BEGINNING}\n")
    assert once.endswith(f"{END}\nafter\n")
    assert "WHAT WAS THERE" not in once


def test_a_card_without_marks_is_left_alone(report: dict[str, Any], tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text("no marks", "utf-8")
    with pytest.raises(CardError):
        write_measured(card, report)
    assert card.read_text("utf-8") == "no marks"


def test_an_aim_is_reached_only_by_its_figures(report: dict[str, Any]) -> None:
    good, bad = deepcopy(report), deepcopy(report)
    for content, accused in ((good, 0.0), (bad, 0.02)):
        for row in content["human"]["dev_fpr"]["source"]:
            row["accused"] = accused
    for aim in ("human text of hard kinds accused", "the same, each source by itself"):
        assert aims(good)[aim]
        assert not aims(bad)[aim]


def test_every_kind_of_writing_counts_and_not_only_all_together(report: dict[str, Any]) -> None:
    content = deepcopy(report)
    for tables in content["human"].values():
        for row in (*tables["kind"], *tables["300 characters and more"]):
            row["accused"], row["inconclusive"] = 0.0, 0.1
    kinds = "human text of all sets, each kind of writing by itself"
    undecided = "inconclusive of it, each kind of writing by itself"
    assert aims(content)[kinds]
    assert aims(content)[undecided]
    content["human"]["packages"]["kind"][0]["accused"] = 0.5
    content["human"]["dev_fpr"]["300 characters and more"][0]["inconclusive"] = 1.0
    assert not aims(content)[kinds]
    assert not aims(content)[undecided]


def test_a_polished_text_that_is_accused_misses_the_aim(report: dict[str, Any]) -> None:
    content = deepcopy(report)
    for row in content["polished"]:
        row["accused"] = 0.0
    aim = "people's texts that a model polished, accused though not as such"
    assert aims(content)[aim]
    content["polished"][0]["accused"] = 0.1
    assert not aims(content)[aim]


def test_what_was_not_measured_is_not_said_to_be_reached(report: dict[str, Any]) -> None:
    assert not aims(report)["unseen corpora, kept apart: modern generators, ≥ 300 characters"]


def test_the_published_card_holds_what_the_published_evaluation_says(report: dict[str, Any]) -> None:
    card = (ROOT / "MODEL_CARD.md").read_text("utf-8")
    assert measured(report) in card
