"""docs/performance.md: its prose stays, what stands between two markers is written anew from the record."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.places import DOCS
from benchmarks.plots import line_plot
from benchmarks.record import Figure, Growth, Outcome, Table, outcome_from, read_all

PAGE = DOCS / "performance.md"
_BLOCK = re.compile(r"(<!-- measured:(?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

Parts = Mapping[str, Outcome]


class MarkerMissing(Exception):
    """The page has no place for a part of the results."""


def write_page(page: Path = PAGE) -> None:
    """Fill every block of the page from docs/performance.json, and draw the plots beside it."""
    content = read_all()
    parts = {name: outcome_from(part) for name, part in content.items()}
    for outcome in parts.values():
        for growth in outcome.growth:
            (page.parent / _plot_file(growth)).write_text(line_plot(growth), "utf-8")
    page.write_text(filled(page.read_text("utf-8"), parts, content), "utf-8")


def filled(text: str, parts: Parts, content: Mapping[str, Any]) -> str:
    """Raises MarkerMissing when a block is unknown or the page lacks one."""
    writers: dict[str, Callable[[], str]] = {
        "machine": lambda: _machine(content),
        "figures": lambda: figure_table([figure for part in parts.values() for figure in part.figures]),
        "shortfalls": lambda: shortfalls(parts),
        "growth": lambda: _growth(parts),
        "tables": lambda: _tables(parts),
    }
    seen = {match["name"] for match in _BLOCK.finditer(text)}
    if seen != set(writers):
        raise MarkerMissing(", ".join(sorted(seen ^ set(writers))))
    return _BLOCK.sub(lambda match: f"{match[1]}{writers[match['name']]()}\n{match[3]}", text)


def figure_table(figures: Sequence[Figure]) -> str:
    """Asked-for figures first, in their order; then what was measured besides."""
    asked = [figure for figure in figures if figure.target is not None]
    besides = [figure for figure in figures if figure.target is None]
    heads = ["what", "asked", "measured", "rounds", "holds", "beside"]
    return table(heads, [_row(figure) for figure in [*asked, *besides]])


def shortfalls(parts: Parts) -> str:
    lines = [
        f"- **{figure.what}**: {shown(figure.value, figure.unit)} instead of {_asked(figure)}."
        for part in parts.values()
        for figure in part.figures
        if figure.holds is False
    ]
    lines += [
        f"- {name}: not measured. {part.not_measured}" for name, part in parts.items() if part.not_measured
    ]
    lines += [f"- {note}" for part in parts.values() for note in part.notes]
    return "\n".join(lines) if lines else "Nothing: every figure that was asked for holds."


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def shown(value: float, unit: str) -> str:
    if unit in ("", "/s") or abs(value) >= 1000:
        number = f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:.1f}"
    else:
        number = f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
    return {"": number, "×": f"{number} ×", "/s": f"{number}/s"}.get(unit, f"{number} {unit}")


def _row(figure: Figure) -> list[str]:
    verdict = {True: "yes", False: "**no**", None: ""}[figure.holds]
    rounds = ", ".join(f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}" for value in figure.rounds)
    value = shown(figure.value, figure.unit)
    return [figure.what, _asked(figure), value, rounds, verdict, figure.beside]


def _asked(figure: Figure) -> str:
    if figure.target is None:
        return ""
    if figure.target == 0:
        return "0"
    return f"{'≤' if figure.at_most else '≥'} {shown(figure.target, figure.unit)}"


def _machine(content: Mapping[str, Any]) -> str:
    """Of the newest part; older parts say for themselves when they ran."""
    if not content:
        return "Nothing has been measured yet."
    newest = max(content.values(), key=lambda part: str(part["at"]))
    machine = newest["machine"]
    moments = sorted({str(part["at"])[:10] for part in content.values()})
    rows = [[name.replace("_", " "), str(value)] for name, value in machine.items()]
    return table(["machine", ""], [*rows, ["measured on", ", ".join(moments)]])


def _growth(parts: Parts) -> str:
    blocks = []
    for growth in (growth for part in parts.values() for growth in part.growth):
        numbers = [
            table([growth.x, growth.y], [[f"{x:,.0f}", _plain(y)] for x, y in line.points])
            for line in growth.lines
        ]
        block = [f"### {growth.title}", f"![{growth.title}]({_plot_file(growth)})", *numbers]
        blocks.append("\n\n".join([*block, growth.remark] if growth.remark else block))
    return "\n\n".join(blocks) or "Not measured yet."


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _tables(parts: Parts) -> str:
    blocks = [_table_block(one) for part in parts.values() for one in part.tables]
    return "\n\n".join(blocks) or "Not measured yet."


def _table_block(one: Table) -> str:
    block = f"### {one.title}\n\n{table(one.heads, one.rows)}"
    return f"{block}\n\n{one.remark}" if one.remark else block


def _plot_file(growth: Growth) -> str:
    return f"performance-{growth.key}.svg"
