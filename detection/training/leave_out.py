"""How well the recipe does on generators and kinds of writing it has never seen: leave some out and look.

A run leaves out families of generators and areas, most runs several at once, each text of theirs; what it
then makes of each family and area is one row. Shorter runs than the shipped model's, from the bare encoder:
a row says what the corpora teach about the unseen, not how good the shipped model is. Rewritten answers are
left out of every run: they repeat what others wrote, whatever their family and area.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from detection.engine import load_model_folder
from detection.training.configuration import Configuration, LeaveOutPlan, TrainingPlan
from detection.training.corpora import TrainingText, read_corpora
from detection.training.documents import Document, spread, whole
from detection.training.errors import PipelineError
from detection.training.export import export_model
from detection.training.measures import auroc, bootstrap_interval, tpr_at_fpr
from detection.training.recipe import digest_of, file_digest, training_recipe
from detection.training.replacing import replaced
from detection.training.scores import RememberingScorer, prepared_texts, weighed
from detection.training.texts import (
    AI,
    COPIES_FILE,
    HUMAN,
    OVERLAPS_FILE,
    REWRITTEN,
    TRAINING_FILE,
    CorpusText,
    area_of,
    development_texts,
    family_of,
    read_texts,
)
from detection.training.train import FINAL_FOLDER, train

RESULTS_FILE = "leave-out.json"

Row = dict[str, Any]


def leave_out(
    *,
    data: Path,
    base: Path,
    corpora: Path,
    target: Path,
    configuration: Configuration,
    only: Sequence[str] = (),
) -> list[Row]:
    """Train and measure every run of the configuration, or `only` these; one finished at the same budget is
    not repeated.

    Writes the rows of all finished runs into `RESULTS_FILE` in `target` and returns them, each with the
    recipe of its run; None where that is not known. Raises PipelineError for a run that the configuration
    does not have, and before anything is trained for one that was finished by another recipe.
    """
    plan = configuration.leave_out
    if unknown := sorted(set(only) - set(plan.runs)):
        raise PipelineError(f"no such run: {', '.join(unknown)}; there are {', '.join(plan.runs)}")
    texts = read_corpora(corpora)
    runs = []
    for name, left_out in plan.runs.items():
        results = target / name / f"{plan.token_budget}-{RESULTS_FILE}"
        if not only or name in only or results.exists():
            kept = _kept(texts, left_out)
            recipe = _recipe(kept, left_out, base, data, configuration)
            runs.append(_Run(left_out, kept, recipe, target / name / str(plan.token_budget), results))
    for run in runs:
        if run.results.exists():
            run.rows()  # refused now, not after hours of training
    for run in runs:
        if not run.results.exists():
            folder = _trained(run, base, configuration)
            content = {"recipe": run.recipe, "rows": _measured(folder, run.left_out, data, plan)}
            with replaced(run.results) as beside:
                beside.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    rows = [row for run in runs for row in run.rows()]
    text = json.dumps(_summed(plan.token_budget, rows), ensure_ascii=False, indent=1)
    (target / RESULTS_FILE).write_text(text + "\n", "utf-8")
    return rows


def with_earlier_rows(results: Path, report_before: Path) -> dict[str, Any] | None:
    """What `leave_out` wrote, and rows of other runs out of the report that is replaced: each takes hours.

    Runs of another length are not kept beside these. None where nothing is found.
    """
    new = json.loads(results.read_text("utf-8")) if results.exists() else None
    before = json.loads(report_before.read_text("utf-8"))["leave_out"] if report_before.exists() else None
    if new is None or before is None or before["token_budget"] != new["token_budget"]:
        return new or before
    again = {(row["name"], *row["beside"]) for row in new["rows"]}
    earlier = [row for row in before["rows"] if (row["name"], *row["beside"]) not in again]
    return _summed(new["token_budget"], [*earlier, *new["rows"]])


def _summed(token_budget: int, rows: Sequence[Row]) -> dict[str, Any]:
    return {"token_budget": token_budget, "rows": list(rows), "of_each_once": _summary(rows)}


@dataclass(frozen=True, slots=True)
class _Run:
    """`folder`: where it trains. `results`: where its rows go, with its recipe."""

    left_out: Mapping[str, Sequence[str]]
    kept: Sequence[TrainingText]
    recipe: str
    folder: Path
    results: Path

    def rows(self) -> list[Row]:
        """Of the finished run, each with its recipe; one without was trained elsewhere or before recipes.

        Raises PipelineError where it is another one's.
        """
        content = json.loads(self.results.read_text("utf-8"))
        if content["recipe"] not in (None, self.recipe):
            raise PipelineError(
                f"{self.results} is by another recipe (texts, first weights, what is left out or settings "
                "differ): take another --work, or delete it; a training that still fits is only measured anew"
            )
        everything = [*self.left_out["families"], *self.left_out["areas"]]
        return [
            {
                **row,
                "beside": [name for name in everything if name != row["name"]],  # what else it left out
                "recipe": content["recipe"],
            }
            for row in content["rows"]
        ]


def _kept(texts: Sequence[TrainingText], left_out: Mapping[str, Sequence[str]]) -> list[TrainingText]:
    return [
        text
        for text in texts
        if text.source != REWRITTEN
        and area_of(text.source, text.domain) not in left_out["areas"]
        and not (text.label == AI and family_of(text.generator) in left_out["families"])
    ]


def _plan(configuration: Configuration) -> TrainingPlan:
    shorter = configuration.leave_out
    return replace(
        configuration.training,
        learning_rate=shorter.learning_rate,
        batch_tokens=shorter.batch_tokens,
        token_budget=shorter.token_budget,
        minutes=math.inf,
        teacher_share=0.0,  # a teacher would have seen what is left out
    )


def _recipe(
    kept: Sequence[TrainingText],
    left_out: Mapping[str, Sequence[str]],
    base: Path,
    data: Path,
    configuration: Configuration,
) -> str:
    """Of what decides the rows of a run: how it is trained, and what it is measured on."""
    plan = configuration.leave_out
    return digest_of(
        {
            "training": training_recipe(plan=_plan(configuration), base=base, texts=kept),
            "left_out": {kind: list(names) for kind, names in left_out.items()},
            "measured": [
                file_digest(path)
                for path in (data / TRAINING_FILE, data / "dev.jsonl.xz", COPIES_FILE, OVERLAPS_FILE)
            ],
            "seed": plan.seed,
            "texts_per_class": plan.texts_per_class,
            "characters": [plan.least_characters, plan.long_text_characters],
        }
    )


def _trained(run: _Run, base: Path, configuration: Configuration) -> Path:
    train(plan=_plan(configuration), base=base, texts=run.kept, target=run.folder)
    export_model(
        base=run.folder / FINAL_FOLDER,
        tokenizer=base / "tokenizer.json",
        target=run.folder / "model",
        name=run.folder.name,
        version="0",
        description="without " + ", ".join([*run.left_out["families"], *run.left_out["areas"]]),
    )
    return run.folder / "model"


def _measured(
    folder: Path, left_out: Mapping[str, Sequence[str]], data: Path, plan: LeaveOutPlan
) -> list[Row]:
    scorer = RememberingScorer(load_model_folder(folder), folder.parent / "scores")
    held, development = list(read_texts(data / TRAINING_FILE)), development_texts(data, "dev")
    human_of_all = _chosen([t for t in development if t.label == HUMAN], plan)
    rows = []
    for family in left_out["families"]:
        ai = [t for t in held + development if t.label == AI and family_of(t.generator) == family]
        rows.append(_row("generators", family, human_of_all, _chosen(ai, plan), scorer, plan))
    for area in left_out["areas"]:
        inside = [t for t in held + development if area_of(t.source, t.domain) == area]
        human, ai = ([t for t in inside if t.label == label] for label in (HUMAN, AI))
        rows.append(_row("area", area, _chosen(human, plan), _chosen(ai, plan), scorer, plan))
    return rows


def _summary(rows: Sequence[Row]) -> dict[str, float]:
    """What is left out by several runs counts by the one that leaves out least beside it."""
    once: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: len(row["beside"])):
        once.setdefault(row["name"], row)
    areas, shares = ([row[name] for row in once.values()] for name in ("auroc", "tpr_at_1_percent_fpr"))
    return {
        "mean_auroc": round(float(np.mean(areas)), 4),
        "least_auroc": min(areas),
        "mean_tpr_at_1_percent_fpr": round(float(np.mean(shares)), 4),
    }


def _chosen(texts: Sequence[CorpusText], plan: LeaveOutPlan) -> list[Document]:
    long_enough = [text for text in texts if len(text.text) >= plan.least_characters]
    keys: tuple[Callable[[CorpusText], str], ...] = (lambda t: t.source, lambda t: t.generator)
    chosen = spread(long_enough, keys, plan.texts_per_class, plan.seed)
    return [whole(text).shortened(plan.long_text_characters) for text in chosen]


def _row(
    kind: str,
    name: str,
    human: Sequence[Document],
    ai: Sequence[Document],
    scorer: RememberingScorer,
    plan: LeaveOutPlan,
) -> Row:
    documents = [*human, *ai]
    prepared = prepared_texts([document.text for document in documents])
    usable = [(d, p) for d, p in zip(documents, prepared, strict=True) if p.segments]
    evidence = weighed([p for _, p in usable], scorer)
    scores = np.array([e.mean_logit for e in evidence], dtype=np.float64)
    is_ai = np.array([d.label == AI for d, _ in usable], dtype=np.bool_)
    low, high = bootstrap_interval(
        lambda rows: auroc(scores[rows], is_ai[rows]), [d.group for d, _ in usable], seed=plan.seed
    )
    return {
        "left_out": kind,
        "name": name,
        "human_texts": int((~is_ai).sum()),
        "ai_texts": int(is_ai.sum()),
        "auroc": round(auroc(scores, is_ai), 4),
        "auroc_interval": [round(low, 4), round(high, 4)],
        "tpr_at_1_percent_fpr": round(tpr_at_fpr(scores, is_ai, 0.01), 4),
    }
