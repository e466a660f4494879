"""The report of an evaluation: evaluation.json with everything, evaluation.md with tables, one SVG."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from detection.training.markdown_tables import (
    Content,
    abstention_table,
    attack_table,
    cell_table,
    headline_table,
    leave_out_section,
    separation_table,
    speed_table,
    spliced_table,
    threshold_table,
    verdict_table,
)
from detection.training.texts import AI

POLISHED_NOTE = (
    "No model is trained on them, but on many of the texts that a model made them of: there a person may be "
    "recognised and not the writing. By the policy none should be accused unless as `polished`, which is "
    "never said: what is accused here is told to be a model's."
)
ATTACK_NOTE = (
    "All of `dev_ood` with 150 characters and more. Training damages texts in like ways, plainer words and a "
    "casual voice by the very lexicons used here. It puts no text into Taiwan's words, but the 1,400 texts "
    "from Taiwan that it reads are all by people. Translation there and back was not tried: no translator is "
    "at hand."
)
JSON_FILE, MARKDOWN_FILE, PLOT_FILE = "evaluation.json", "evaluation.md", "evaluation-reliability.svg"
_SIDE = 320
_MARGIN = 44
_COLOURS = ("#1f5fbf", "#c2571a")
_NAMES = {
    "dev": "known sources",
    "dev_ood": "unseen sources",
    "dev_fpr": "human text of hard kinds",
    "packages": "sources out of packages, never trained on",
    "written": "what a model wrote for this product, against the human texts of `dev`",
}


def write_report(report: Content, docs: Path) -> None:
    docs.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, ensure_ascii=False, indent=1, sort_keys=True)
    (docs / JSON_FILE).write_text(text + "\n", "utf-8")
    (docs / MARKDOWN_FILE).write_text(markdown(report), "utf-8")
    (docs / PLOT_FILE).write_text(reliability_plot(report["reliability"]), "utf-8")


def markdown(report: Content) -> str:
    model = report["model"]
    parts = [
        f"# Evaluation of {model['name']}",
        f"Written by `python -m detection.training evaluate`. Model digest `{model['digest'][:16]}`, "
        f"calibration `{report['calibration_digest'][:16]}`, run by {model['backend']}. "
        "Every figure is "
        f"measured through the product's own pipeline. Accused means `ai`, `mixed` or `polished` at the "
        f"default policy of {report['tolerated_fpr']:.0%} tolerated false accusations; figures in brackets "
        "are 95 % intervals, drawn anew by title or document.",
        "`dev`: other titles of the training sources, the half that does not calibrate. `dev_ood`: sources "
        "the model has never seen, rewrites meant to deceive among them; no parameter was fitted on it, but "
        "recipes and shares of weights were chosen while looking at it. "
        "`dev_fpr`: human theses, translations, technical books, law cases and newspaper, the half that "
        "does not calibrate. `packages`: what public packages hold, of sources kept from training and "
        "calibration. `written`: texts that Claude wrote for this product and that were kept from training, "
        "`w_…` by the prompts of the training texts on other subjects (`w_rewrite`: answers of other models, "
        "which training has read, rewritten), `v_…` by other prompts; against the human texts of `dev`, "
        "evenly taken. All texts are measured, long ones cut; `dev` evenly takes as many of every source and "
        "generator. "
        f"{report['copies']} AI texts of the corpora are in no set: a model recited them, and a person wrote "
        f"them (`detection/training/copies.jsonl`); neither are {report['overlaps']} texts that training "
        "reads elsewhere, or that calibrate elsewhere (`overlaps.jsonl`). With fewer than 100 human texts 1 "
        "% of them is none, with fewer than 1,000 0.1 %.",
        "## AI against human\n\n" + headline_table(report["headline"]),
        "Texts that are too short or in another language, literary Chinese among them, have no verdict and "
        "are in no other table:\n\n" + abstention_table(report["abstentions"]),
        f"Reliability of the stated probability, both classes weighing the same: ![]({PLOT_FILE})",
        "## Human text",
        *(_section(name, tables, verdict_table) for name, tables in report["human"].items()),
        "### Those who are accused most easily, all sets together\n\n"
        + verdict_table("human texts", report["fairness"]),
        "### Each kind with thresholds fitted without any text of it\n\n"
        "`dev` and `dev_fpr`: what to expect of thresholds where a kind of human writing was forgotten.\n\n"
        + verdict_table("kind", report["human_of_unseen_kinds"]),
        "## AI text\n\nEach slice against all human texts of its set.",
        *(_section(name, tables, separation_table) for name, tables in report["ai"].items()),
        "## People's texts that a model polished\n\n" + POLISHED_NOTE,
        verdict_table("polished texts", report["polished"]),
        "## Human and AI in one document\n\n" + spliced_table(report),
        *(
            ["## Generators and areas left out of training", leave_out_section(report["leave_out"])]
            if report["leave_out"]
            else []
        ),
        f"## Attacks\n\n{ATTACK_NOTE}\n\n{attack_table(report['attacks'])}",
        "## Speed\n\nFrom text to scores, backends taking turns on the machine of this evaluation.\n\n"
        + speed_table(report["speeds"]),
        "## Thresholds\n\nThe interval is of the share of new human texts above a threshold, by the texts "
        "behind it alone.\n\n" + threshold_table(report["calibration"]),
        "## Every cell\n\nAI texts by set, source, generator, domain and length, against all human texts of "
        "the set; people's in the JSON.\n\n"
        + cell_table([row for row in report["cells"] if row["label"] == AI]),
    ]
    return "\n\n".join(parts) + "\n"


def reliability_plot(curves: dict[str, list[list[float]]]) -> str:
    """Stated probability against true share of AI; on the diagonal the model says what it knows."""
    size = _SIDE + 2 * _MARGIN

    def at(x: float, y: float) -> str:
        return f"{_MARGIN + x * _SIDE:.1f},{_MARGIN + (1 - y) * _SIDE:.1f}"

    shapes = [
        f'<rect width="{size}" height="{size}" fill="white"/>',
        f'<polyline points="{at(0, 0)} {at(1, 0)} {at(1, 1)} {at(0, 1)} {at(0, 0)}" '
        'fill="none" stroke="#999"/>',
        f'<polyline points="{at(0, 0)} {at(1, 1)}" stroke="#999" stroke-dasharray="4"/>',
        f'<text x="{size / 2}" y="{size - 10}" text-anchor="middle">stated probability of AI</text>',
        f'<text transform="translate(16 {size / 2}) rotate(-90)" text-anchor="middle">'
        "true share of AI</text>",
    ]
    for number, ((name, points), colour) in enumerate(zip(curves.items(), _COLOURS, strict=False)):
        line = " ".join(at(stated, true) for stated, true, _ in points)
        shapes.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        shapes += [
            f'<circle cx="{at(stated, true).split(",")[0]}" cy="{at(stated, true).split(",")[1]}" '
            f'r="{2 + 12 * weight**0.5:.1f}" fill="{colour}" fill-opacity="0.4"/>'
            for stated, true, weight in points
        ]
        y = _MARGIN + 18 * (number + 1)
        shapes.append(f'<text x="{_MARGIN + 10}" y="{y}" fill="{colour}">{_NAMES.get(name, name)}</text>')
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" width="{size}" '
        f'font-family="sans-serif" font-size="13">\n{body}\n</svg>\n'
    )


def _section(
    name: str, tables: dict[str, list[Content]], written: Callable[[str, list[Content]], str]
) -> str:
    parts = [f"### `{name}`: {_NAMES[name]}"]
    parts += [written(heading, rows) for heading, rows in tables.items()]
    return "\n\n".join(parts)
