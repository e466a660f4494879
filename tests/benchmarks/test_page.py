"""The page says what was measured, and says plainly what fell short."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import page, record
from benchmarks.page import MarkerMissing, figure_table, filled, shortfalls, shown
from benchmarks.plots import line_plot
from benchmarks.record import Figure, Growth, Line, Outcome, Table, outcome_from

FAST = Figure("share", "throughput ÷ bare", 0.91, "×", "91 ÷ 100/s", [0.9, 0.91, 0.92], target=0.85)
SLOW = Figure("p99", "P99", 72.5, "ms", "half of 50/s", [70.0, 72.5], target=60.0, at_most=True)
BESIDE = Figure("random", "P99 at random", 90.0, "ms", "the same")
GROWTH = Growth("queue", "Papers < waiting", "papers", "s", [Line("all", [(1, 0.5), (10, 0.2), (100, 0.1)])],
                logarithmic_x=True)  # fmt: skip
MACHINE = {"processor": "2 × a processor"}


def test_a_figure_holds_at_its_target_and_not_beyond() -> None:
    assert [FAST.holds, SLOW.holds, BESIDE.holds] == [True, False, None]
    assert Figure("lost", "lost", 0, "", "", target=0, at_most=True).holds


def test_the_table_shows_target_value_rounds_and_verdict() -> None:
    lines = figure_table([BESIDE, FAST, SLOW]).splitlines()
    assert lines[2] == "| throughput ÷ bare | ≥ 0.85 × | 0.91 × | 0.9, 0.91, 0.92 | yes | 91 ÷ 100/s |"
    assert lines[3].startswith("| P99 | ≤ 60.0 ms | 72.5 ms |")
    assert "**no**" in lines[3]
    assert "P99 at random" in lines[4]


def test_what_fell_short_or_was_not_measured_is_said() -> None:
    parts = {
        "realtime": Outcome(figures=[FAST, SLOW]),
        "gpu": Outcome(not_measured="This machine has no GPU."),
        "peers": Outcome(notes=["infinity was not measured: no such package"]),
    }
    said = shortfalls(parts)
    assert "72.5 ms instead of ≤ 60.0 ms" in said
    assert "no GPU" in said
    assert "no such package" in said
    assert "0.91" not in said
    assert shortfalls({"realtime": Outcome(figures=[FAST])}).startswith("Nothing")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.8512, "×", "0.85 ×"),
        (12.345, "ms", "12.3 ms"),
        (3456.7, "/s", "3,457/s"),
        (0.0, "", "0"),
        (2.0, "s", "2.00 s"),
    ],
)
def test_numbers_read_well(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_the_page_keeps_its_prose_and_fills_its_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, path in ((record, "RECORD", "performance.json"), (record, "RESULTS", "results")):
        monkeypatch.setattr(module, name, tmp_path / path)
    outcome = Outcome(figures=[FAST], growth=[GROWTH], tables=[Table("t", "Peers", ["a"], [["b|c"]])])
    record.save("realtime", outcome, machine=MACHINE, quick=False)
    content = json.loads((tmp_path / "performance.json").read_text("utf-8"))
    assert outcome_from(content["realtime"]) == outcome
    before = page.PAGE.read_text("utf-8")
    after = filled(before, {"realtime": outcome_from(content["realtime"])}, content)
    assert before.splitlines()[0] == after.splitlines()[0]
    assert "2 × a processor" in after
    assert "performance-queue.svg" in after
    assert "b\\|c" in after
    assert filled(after, {"realtime": outcome}, content) == after


def test_a_smoke_run_reaches_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RECORD", tmp_path / "performance.json")
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    record.save("realtime", Outcome(figures=[FAST]), machine=MACHINE, quick=True)
    assert not (tmp_path / "performance.json").exists()
    assert (tmp_path / "results" / "quick" / "realtime.json").exists()


def test_a_page_without_a_place_for_a_block_is_refused() -> None:
    with pytest.raises(MarkerMissing, match="figures"):
        filled("# Performance\n", {}, {})


def test_a_plot_is_well_formed_and_names_its_axes() -> None:
    picture = ElementTree.fromstring(line_plot(GROWTH))
    words = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Papers < waiting", "papers", "s", "1", "100"} <= set(words)
    assert len(list(picture.iter("{http://www.w3.org/2000/svg}circle"))) == 3
