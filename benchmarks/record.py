"""What was measured, as JSON: one file for each part, and all of them together in docs/performance.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.places import DOCS, RESULTS

RECORD = DOCS / "performance.json"


@dataclass(frozen=True)
class Figure:
    """One row of the table. `target` is what the value must reach: at least, or (`at_most`) no more."""

    key: str
    what: str
    value: float
    unit: str
    beside: str  # what it was measured beside, in absolute numbers
    rounds: Sequence[float] = ()
    target: float | None = None
    at_most: bool = False

    @property
    def holds(self) -> bool | None:
        """None where nothing was asked for."""
        if self.target is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target


@dataclass(frozen=True)
class Line:
    """One line of a plot, and in the page a row of numbers."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Growth:
    """How a cost grows with the work."""

    key: str
    title: str
    x: str
    y: str
    lines: Sequence[Line]
    logarithmic_x: bool = False
    remark: str = ""


@dataclass(frozen=True)
class Table:
    key: str
    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    remark: str = ""


@dataclass
class Outcome:
    """What one part of the benchmark found. `not_measured` says why there is nothing."""

    figures: list[Figure] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_measured: str = ""


def save(part: str, outcome: Outcome, *, machine: Mapping[str, str], quick: bool) -> None:
    """A smoke run is kept apart: its numbers mean nothing and never reach the page."""
    content = {
        "part": part,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": dict(machine),
        **asdict(outcome),
    }
    folder = RESULTS / "quick" if quick else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / f"{part}.json", content)
    if not quick:
        together = read_all()
        together[part] = content
        _write(RECORD, together)


def read_all(path: Path = RECORD) -> dict[str, Any]:
    """Part -> what it found last, in the order of the page."""
    if not path.exists():
        return {}
    parts: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return parts


def outcome_from(content: Mapping[str, Any]) -> Outcome:
    """Of a part as it was saved."""
    return Outcome(
        figures=[Figure(**figure) for figure in content["figures"]],
        growth=[Growth(**growth | {"lines": _lines(growth["lines"])}) for growth in content["growth"]],
        tables=[Table(**table) for table in content["tables"]],
        notes=list(content["notes"]),
        not_measured=content["not_measured"],
    )


def _lines(lines: Sequence[Mapping[str, Any]]) -> list[Line]:
    return [Line(line["name"], [(x, y) for x, y in line["points"]]) for line in lines]


def _write(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=1)
    path.write_text(f"{text}\n", "utf-8")
