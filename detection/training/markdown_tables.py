"""Tables of an evaluation in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Content = dict[str, Any]


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def headline_table(rows: Sequence[Content]) -> str:
    heads = ["set", "characters", "human", "AI", "AUROC", "TPR at 1 % FPR", "at 0.1 %", "AI accused",
             "AI inconclusive", "human accused", "human inconclusive", "ECE"]  # fmt: skip
    return table(
        heads,
        [
            [
                f"`{row['set']}`",
                f"≥ {row['least_characters'] or 60}",
                row["human_texts"],
                row["ai_texts"],
                f"{row['auroc']:.3f} {bracketed(row['auroc_interval'])}",
                f"{row['tpr_at_1_percent_fpr']:.2f} {bracketed(row['tpr_interval'])}",
                f"{row['tpr_at_0_1_percent_fpr']:.2f}",
                percent(row["ai_verdicts"]["accused"]),
                percent(row["ai_verdicts"]["inconclusive"]),
                percent(row["human_verdicts"]["accused"]),
                percent(row["human_verdicts"]["inconclusive"]),
                f"{row['ece']:.3f}",
            ]
            for row in rows
        ],
    )


def abstention_table(rows: Sequence[Content]) -> str:
    return table(
        ["set", "no verdict because", "written by", "texts"],
        [[f"`{row['set']}`", f"`{row['reason']}`", row["label"], row["texts"]] for row in rows],
    )


def spliced_table(report: Content) -> str:
    rows = [
        ("a human and an AI part of one title", report["splices"]),
        ("papers: thesis passages and academic writing by models, by turns", report["papers"]),
    ]
    return table(
        [
            "documents",
            "number",
            "characters",
            "sentences",
            "AUROC of sentences",
            "F1 of sentences",
            "AI characters marked AI",
            "human characters marked AI",
            "verdicts",
        ],
        [
            [
                name,
                row["documents"],
                row["median_characters"],
                row["sentences"],
                f"{row['sentence_auroc']:.3f} {bracketed(row['sentence_auroc_interval'])}",
                f"{row['sentence_f1']:.2f}",
                percent(row["ai_characters_marked"]),
                percent(row["human_characters_marked"]),
                ", ".join(f"{verdict} {count}" for verdict, count in row["verdicts"].items()),
            ]
            for name, row in rows
        ],
    )


def verdict_table(heading: str, rows: Sequence[Content]) -> str:
    return table(
        [heading, "texts", "accused", "inconclusive", "called human"],
        [[row["slice"], row["texts"], *_verdicts(row)] for row in rows],
    )


def separation_table(heading: str, rows: Sequence[Content]) -> str:
    """AI texts, each slice against all human texts of its set."""
    return table(
        [heading, "texts", *_APART, "accused", "inconclusive", "called human"],
        [[row["slice"], row["texts"], *_apart(row), *_verdicts(row)] for row in rows],
    )


def cell_table(rows: Sequence[Content]) -> str:
    """AI texts by set, source, generator, domain and length; without ranks where there are too few."""
    return table(
        ["set", "source", "generator", "domain", "characters", "texts", *_APART, "accused", "inconclusive",
         "called human"],
        [
            [
                *(row[key] or "–" for key in ("set", "source", "generator", "domain", "characters")),
                row["texts"],
                *_apart(row),
                *_verdicts(row),
            ]
            for row in rows
        ],
    )  # fmt: skip


_APART = ("AUROC", "TPR at 1 % FPR", "at 0.1 %", "ECE")


def _apart(row: Content) -> list[str]:
    """Nothing where there are too few texts for a rank."""
    if "auroc" not in row:
        return ["–"] * len(_APART)
    return [
        f"{row['auroc']:.3f} {bracketed(row['auroc_interval'])}",
        f"{row['tpr_at_1_percent_fpr']:.2f}",
        f"{row['tpr_at_0_1_percent_fpr']:.2f}",
        f"{row['ece']:.3f}",
    ]


def _verdicts(row: Content) -> list[str]:
    return [percent(row[key]) for key in ("accused", "inconclusive", "human")]


def speed_table(rows: Sequence[Content]) -> str:
    fastest = max(row["characters_per_second"] for row in rows)
    return table(
        ["backend", "characters a second", "of the fastest"],
        [
            [
                row["backend"],
                f"{row['characters_per_second']:,}",
                f"{row['characters_per_second'] / fastest:.2f}",
            ]
            for row in rows
        ],
    )


def leave_out_section(content: Content) -> str:
    heads = ["left out", "", "beside", "human", "AI", "AUROC", "TPR at 1 % FPR"]
    summary = content["of_each_once"]
    cells = [
        [
            row["left_out"],
            row["name"] if row.get("recipe") else f"{row['name']} †",
            ", ".join(row["beside"]),
            row["human_texts"],
            row["ai_texts"],
            f"{row['auroc']:.3f} {bracketed(row['auroc_interval'])}",
            f"{row['tpr_at_1_percent_fpr']:.2f}",
        ]
        for row in content["rows"]
    ]
    return (
        "Of `python -m detection.training leave-out`: shorter runs from the bare encoder, "
        f"{content['token_budget']:,} tokens each, each without the texts of some generators and areas; AI "
        "texts of a family against human texts of `dev`, an area against itself. † trained by the same "
        "functions on another machine, on the corpora of its day. No run leaves out what belongs to no area "
        "here (questions and answers, classics, encyclopedias, the web) and generators of no family. "
        f"Mean AUROC {summary['mean_auroc']:.4f}, mean TPR {summary['mean_tpr_at_1_percent_fpr']:.2f}: each "
        "once, by the run that left out least beside it.\n\n" + table(heads, cells)
    )


def attack_table(rows: Sequence[Content]) -> str:
    return table(
        ["attack", "texts", "AUROC", "TPR at 1 % FPR", "AI accused", "human accused"],
        [
            [
                row["attack"],
                row["texts"],
                f"{row['auroc']:.3f}",
                f"{row['tpr_at_1_percent_fpr']:.2f}",
                percent(row["ai_accused"]),
                percent(row["human_accused"]),
            ]
            for row in rows
        ],
    )


def threshold_table(rows: Sequence[Content]) -> str:
    return table(
        [
            "characters",
            "tolerated",
            "accuses above",
            "human texts",
            "of them accused",
            "95 % interval",
            "AI texts",
        ],
        [
            [
                row["band"],
                f"{row['tolerated_fpr']:.1%}",
                "never" if row["accuses_above"] is None else row["accuses_above"],
                row["human_texts"],
                row["accused"],
                "{:.2%} to {:.2%}".format(*row["fpr_interval"]),
                row["ai_texts"],
            ]
            for row in rows
        ],
    )


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def bracketed(bounds: Sequence[float]) -> str:
    return f"[{bounds[0]:.2f}, {bounds[1]:.2f}]"
