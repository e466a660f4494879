"""The measured part of the model card: written by the evaluation, so that no figure is copied by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from detection.training.markdown_tables import (
    Content,
    abstention_table,
    attack_table,
    headline_table,
    interval,
    leave_out_section,
    percent,
    separation_table,
    speed_table,
    spliced_table,
    table,
    verdict_table,
)
from detection.training.tables import AS_IT_COMES

BEGINNING = "<!-- measured: written by `python -m detection.training evaluate` -->"
END = "<!-- end of what was measured -->"
_SHARE = "tpr_at_1_percent_fpr"
_OTHER_SET, _UNSEEN_SET, _HARD_SET = "dev", "dev_ood", "dev_fpr"
_PACKAGES, _WRITTEN = "packages", "written"


class CardError(Exception):
    """The card has no place for what was measured."""


def write_measured(card: Path, report: Content) -> None:
    """Exchange the part between the two marks. Raises CardError where they are missing."""
    text = card.read_text("utf-8")
    before, found, rest = text.partition(BEGINNING)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise CardError(f"{card}: no {BEGINNING} … {END}")
    card.write_text(f"{before}{BEGINNING}\n\n{measured(report)}\n\n{END}{after}", "utf-8")


def measured(report: Content) -> str:
    return "\n\n".join(
        [
            "### AI against human\n\n`dev`: other titles of known sources, every source "
            "and generator evenly, rare ones as much as large ones, or as the corpus comes. `dev_ood`: "
            "sources never seen, casual and adversarial rewrites among them; nothing is fitted on it. "
            "`packages`: sources out of packages, kept apart. `written`: what Claude wrote for this product "
            "and training has not read, against the human texts of `dev`. "
            "Accused: `ai`, `mixed` or `polished` at the default policy.",
            headline_table(report["headline"]),
            "Without a verdict, and in no other table:",
            abstention_table(report["abstentions"]),
            "### Human text of hard kinds (`dev_fpr`, the half that does not calibrate)",
            verdict_table("source", report["human"][_HARD_SET]["source"]),
            "### Each kind of human text when the thresholds have seen none of its kind",
            verdict_table("kind", report["human_of_unseen_kinds"]),
            "### Those who are accused most easily, all sets together",
            verdict_table("human texts", report["fairness"]),
            "### AI text of unseen sources, each generator against all human texts of `dev_ood`",
            separation_table("generator", report["ai"][_UNSEEN_SET]["generator"]),
            *_of_packages(report),
            "### What a model of 2026 wrote for this product, against the human texts of `dev`",
            separation_table("AI texts", report["ai"][_WRITTEN]["generator"]),
            "### Human and AI in one document",
            spliced_table(report),
            "### Attacks\n\nAll of `dev_ood` with 150 characters and more.",
            attack_table(report["attacks"]),
            "### Speed by backend\n\nFrom text to scores, taking turns on the machine of the evaluation.",
            speed_table(report["speeds"]),
            *(
                ["### Generators and areas left out of training", leave_out_section(report["leave_out"])]
                if report["leave_out"]
                else []
            ),
            "### Examples of our own making\n\nThe golden set (`detection/training/golden_texts.py`). A "
            "language model wrote all of them, half in the manner such models have by themselves, half "
            "imitating plain human writing, which is the harder half.",
            _examples(report),
            "### Aims, and what is reached",
            _aims(report),
        ]
    )


def _of_packages(report: Content) -> list[str]:
    if _PACKAGES not in report["human"]:
        return []
    return [
        "### Sources out of packages, kept from training and calibration",
        verdict_table("human texts", report["human"][_PACKAGES]["source"]),
        separation_table("AI texts", report["ai"][_PACKAGES]["generator"]),
    ]


def _examples(report: Content) -> str:
    rows = [
        [f"{text['text'][:14]}…", text["characters"], f"`{text['verdict']}`", f"{text['p_ai']:.2f}"]
        for text in report["examples"]
    ]
    return table(["text begins", "characters", "verdict", "p(AI)"], rows)


def _aims(report: Content) -> str:
    rows = [
        [aim, wanted, found, "yes" if reached else "**no**"] for aim, wanted, found, reached in _each(report)
    ]
    return table(["on", "aim", "measured", "reached"], rows)


def _each(report: Content) -> Iterator[tuple[str, str, str, bool]]:
    lines = {(row["set"], row["least_characters"]): row for row in report["headline"]}
    for name, least, area, share, what in (
        (AS_IT_COMES, 150, 0.998, 0.97, "known sources, other titles, ≥ 150 characters"),
        (_OTHER_SET, 150, 0.998, 0.97, "the same, every source and generator evenly"),
        (_UNSEEN_SET, 150, 0.97, 0.85, "unseen sources, rewrites included, ≥ 150 characters"),
        (_UNSEEN_SET, 300, 0.98, 0.9, "unseen sources, ≥ 300 characters"),
    ):
        row = lines[name, least]
        found = (
            f"{row['auroc']:.4f} {interval(row['auroc_interval'])}, "
            f"{row[_SHARE]:.2f} {interval(row['tpr_interval'])}"
        )
        reached = row["auroc"] >= area and row[_SHARE] >= share
        yield what, f"AUROC ≥ {area}, TPR at 1 % FPR ≥ {share}", found, reached
    for name, what in (
        ("splices", "sentences of short spliced documents"),
        ("papers", "sentences of papers"),
    ):
        row = report[name]
        found = f"{row['sentence_auroc']:.3f} {interval(row['sentence_auroc_interval'])}"
        yield what, "AUROC ≥ .95", found, row["sentence_auroc"] >= 0.95
    plain, *attacked = report["attacks"]
    falls = [(row["auroc"] - plain["auroc"], row[_SHARE] - plain[_SHARE], row["attack"]) for row in attacked]
    area_fall, _, area_attack = min(falls)
    share_fall, share_attack = min((share, attack) for _, share, attack in falls)
    yield (
        "after the worst single attack",
        "AUROC at most −.01, TPR at most −.05",
        f"{area_fall:+.3f} ({area_attack}), {share_fall:+.2f} ({share_attack})",
        area_fall >= -0.01 and share_fall >= -0.05,
    )
    hard = report["human"][_HARD_SET]["source"]
    texts = sum(row["texts"] for row in hard)
    accused = sum(round(row["texts"] * row["accused"]) for row in hard)
    worst = max(hard, key=lambda row: float(row["accused"]))
    yield (
        "human text of hard kinds accused",
        "≤ 1 %",
        f"{accused} of {texts} ({percent(accused / texts)})",
        accused <= 0.01 * texts,
    )
    yield (
        "the same, each source by itself",
        "≤ 1 %",
        f"worst: {worst['slice']} {percent(worst['accused'])} of {worst['texts']}",
        all(row["accused"] <= 0.01 for row in hard),
    )
    long = [row for name in report["human"] for row in report["human"][name]["300 characters and more"]]
    count = sum(row["texts"] for row in long)
    undecided = sum(round(row["texts"] * row["inconclusive"]) for row in long)
    yield (
        "human text of 300 characters and more inconclusive, all sets",
        "≤ 15 %",
        f"{undecided} of {count} ({percent(undecided / count)})",
        undecided <= 0.15 * count,
    )
    if report["leave_out"]:
        summary = report["leave_out"]["of_each_once"]
        area, least = summary["mean_auroc"], summary["least_auroc"]
        share = summary["mean_tpr_at_1_percent_fpr"]
        yield (
            "generators and areas left out, short runs",
            "AUROC ≥ .98 mean, none < .95; TPR ≥ .90 mean",
            f"{area:.3f} mean, lowest {least:.3f}; {share:.2f} mean",
            area >= 0.98 and least >= 0.95 and share >= 0.9,
        )
