"""Measuring a model folder on texts it has not seen, through the same pipeline as the product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from detection.engine import ModelScorer, load_model_folder
from detection.scoring.calibration import Calibration
from detection.scoring.prepare import plain_document
from detection.scoring.types import Verdict
from detection.scoring.verdict import detect
from detection.training.attacks import ATTACKS
from detection.training.calibrate import ScoredDocument, fit, scored_documents
from detection.training.card import check_card, write_measured
from detection.training.configuration import Configuration, EvaluationPlan
from detection.training.documents import Document, spread, whole
from detection.training.errors import PipelineError
from detection.training.golden_texts import FAILING_TEXTS, GOLDEN_TEXTS
from detection.training.judging import TOLERATED_FPR, Judged, abstentions, judge
from detection.training.leave_out import with_earlier_rows
from detection.training.measures import auroc, f1, tpr_at_fpr
from detection.training.report import JSON_FILE, write_report
from detection.training.scores import RememberingScorer, prepared_texts
from detection.training.speed import speeds
from detection.training.splices import Splice, papers, splices
from detection.training.tables import (
    AS_IT_COMES,
    PACKAGES,
    POLISHED,
    WRITTEN_SET,
    Content,
    ai_tables,
    arrays,
    calibration_table,
    cells,
    fairness_table,
    headline,
    human_tables,
    interval,
    reliability_points,
    sliced,
    verdicts,
)
from detection.training.texts import (
    AI,
    DEVELOPMENT,
    HUMAN,
    TRAINING_FILE,
    CorpusText,
    area_of,
    copied_digests,
    is_held_out,
    measured_texts,
    overlapping_digests,
    polished_texts,
    read_texts,
)

_TIMED_TEXTS = 80
_ACADEMIC = "academic"
_LEAST_ATTACKED = 150


def evaluate(
    *,
    folder: Path,
    data: Path,
    cache: Path,
    docs: Path,
    card: Path | None,
    leave_out: Path,
    packages: Path,
    measured_packages: Path,
    written: Path,
    configuration: Configuration,
) -> Content:
    """Measure everything, write the report into `docs` and the model card, if there is one, and return it.

    `leave_out`: what the command of that name wrote; rows of other runs in the report before stay.
    `packages`: what calibrates beside the corpora. `measured_packages`: what was kept from that and from
    training, a set of its own; both may be missing where the model does not ship. `written`: texts that a
    model wrote for this product and that are kept from training; set against the human texts of `dev`.

    Raises CardError for a card without a place for what is measured, and PipelineError where a model that
    ships would be measured without the texts of packages.
    """
    if card is not None:
        check_card(card)
    for file in (packages, measured_packages):
        if configuration.model.is_shipped and not file.exists():
            raise PipelineError(f"{file} is missing: run `packages` first")
    model = load_model_folder(folder)
    scorer = RememberingScorer(model, cache)
    plan = configuration.evaluation
    texts = {name: measured_texts(data, name) for name in DEVELOPMENT}
    if measured_packages.exists():
        texts[PACKAGES] = list(read_texts(measured_packages))
    texts[POLISHED] = polished_texts(data)
    texts[WRITTEN_SET] = list(read_texts(written))
    documents = {name: [_document(text, plan) for text in texts[name]] for name in texts}
    judged = {name: judge(documents[name], scorer, model.calibration) for name in texts}
    polished, by_model = judged.pop(POLISHED), judged.pop(WRITTEN_SET)
    with_both = {name: rows for name, rows in judged.items() if any(j.document.label == AI for j in rows)}
    evenly = _evenly(judged["dev"], plan)
    by_model += [j for j in evenly if j.document.label == HUMAN]
    compared = {AS_IT_COMES: judged["dev"], **with_both, "dev": evenly, WRITTEN_SET: by_model}
    report = {
        "model": {"name": model.model_name, "digest": model.model_digest, "backend": str(model.backend)},
        "calibration_digest": model.calibration.digest,
        "tolerated_fpr": TOLERATED_FPR,
        "copies": len(copied_digests()),
        "overlaps": len(overlapping_digests()),
        "calibration": calibration_table(model.calibration),
        "headline": [
            headline(name, rows, least) for name, rows in compared.items() for least in (0, 150, 300)
        ],
        "abstentions": [
            {"set": name, **row}
            for name, chosen in documents.items()
            for row in abstentions(chosen, model.calibration)
        ],
        "human": {name: human_tables(rows) for name, rows in judged.items()},
        "human_of_unseen_kinds": _unseen_kinds(
            documents["dev"] + documents["dev_fpr"],
            scorer,
            scored_documents(data, packages, scorer, configuration),
            configuration.model.languages,
        ),
        "ai": {name: ai_tables(rows) for name, rows in {**with_both, WRITTEN_SET: by_model}.items()},
        "polished": _polished_table(polished, data),
        "fairness": fairness_table([j for rows in judged.values() for j in rows]),
        "cells": [cell for name, rows in judged.items() for cell in cells(name, rows)],
        "reliability": {name: reliability_points(compared[name]) for name in ("dev", "dev_ood")},
        "splices": _splice_table(
            splices(texts["dev"], count=plan.splices, seed=plan.seed), scorer, model.calibration
        ),
        "papers": _splice_table(_papers(texts, plan), scorer, model.calibration),
        "examples": [_example(model, text) for text in GOLDEN_TEXTS],
        "failures": [{"fault": fault, **_example(model, text)} for fault, text in FAILING_TEXTS.items()],
        "speeds": speeds(folder, [document.text for document in documents["dev"][:_TIMED_TEXTS]]),
        "leave_out": with_earlier_rows(leave_out, docs / JSON_FILE),
        "attacks": _attack_table(judged["dev_ood"], scorer, model.calibration),
    }
    write_report(report, docs)
    if card is not None:
        write_measured(card, report)
    return report


def _document(text: CorpusText, plan: EvaluationPlan) -> Document:
    return whole(text).shortened(plan.long_text_characters)


def _evenly(judged: Sequence[Judged], plan: EvaluationPlan) -> list[Judged]:
    """Up to as many of each label, source and generator, however large its share of the corpus."""
    by_origin: dict[tuple[str, str, str], list[Judged]] = {}
    for j in judged:
        by_origin.setdefault((j.document.label, j.document.source, j.document.generator), []).append(j)
    most, seed = plan.dev_texts_per_source, plan.seed
    return [j for group in by_origin.values() for j in spread(group, (), most, seed)]


def _polished_table(judged: Sequence[Judged], data: Path) -> list[Content]:
    """By whether training reads what a person had written and the model polished."""
    read = {
        text.group
        for text in read_texts(data / TRAINING_FILE)
        if text.label == HUMAN and not is_held_out(text.label, text.pair, text.text)
    }
    original = {True: "original read in training", False: "original not read"}
    return sliced(
        judged,
        lambda j: f"{j.document.source}: {j.document.generator}; {original[j.document.group in read]}",
    )


def _unseen_kinds(
    documents: Sequence[Document],
    scorer: RememberingScorer,
    calibrating: Sequence[ScoredDocument],
    languages: tuple[str, ...],
) -> list[Content]:
    """Human text of each kind judged by a calibration that has seen nothing of its kind."""
    human = [document for document in documents if document.label == HUMAN]
    judged: list[Judged] = []
    for kind in sorted({document.kind for document in human}):
        calibration = fit(
            [c for c in calibrating if c.document.kind != kind or c.document.label == AI],
            languages=languages,
        )
        judged += judge([document for document in human if document.kind == kind], scorer, calibration)
    return sliced(judged, lambda j: j.document.kind)


def _splice_table(made: Sequence[Splice], scorer: RememberingScorer, calibration: Calibration) -> Content:
    documents = [Document(splice.text, "mixed", "splice", "", splice.group) for splice in made]
    judged = judge(documents, scorer, calibration)
    prepared = prepared_texts([splice.text for splice in made])
    labels = [splice.sentence_labels(p) for splice, p in zip(made, prepared, strict=True)]
    logits = np.concatenate([j.evidence.sentence_logits for j in judged])
    characters = np.concatenate([j.evidence.sentence_characters for j in judged])
    is_ai = np.concatenate(labels)
    is_marked = np.array([mark is Verdict.AI for j in judged for mark in j.marks], dtype=np.bool_)
    groups = [s.group for s, sentences in zip(made, labels, strict=True) for _ in sentences]
    outcomes = [j.verdict.value for j in judged]
    return {
        "documents": len(made),
        "median_characters": int(np.median([j.evidence.characters for j in judged])),
        "sentences": len(is_ai),
        "sentence_auroc": round(auroc(logits, is_ai), 4),
        "sentence_auroc_interval": interval(lambda rows: auroc(logits[rows], is_ai[rows]), groups),
        "sentence_f1": round(f1(is_marked, is_ai), 4),
        "ai_characters_marked": round(
            float(characters[is_ai & is_marked].sum() / characters[is_ai].sum()), 4
        ),
        "human_characters_marked": round(
            float(characters[~is_ai & is_marked].sum() / characters[~is_ai].sum()), 4
        ),
        "verdicts": {verdict: outcomes.count(verdict) for verdict in sorted(set(outcomes))},
    }


def _papers(texts: dict[str, list[CorpusText]], plan: EvaluationPlan) -> list[Splice]:
    """Papers of human thesis passages and academic writing by models."""
    human = [t.text for t in texts["dev_fpr"] if t.kind == "theses"]
    ai = [t.text for t in texts["dev"] if t.label == AI and area_of(t.source, t.domain) == _ACADEMIC]
    return papers(human, ai, count=plan.papers, seed=plan.seed)


def _example(model: ModelScorer, text: str) -> Content:
    """What the product says of a text of our own."""
    result = detect(
        document=plain_document(text),
        scorer=model,
        calibration=model.calibration,
        tolerated_fpr=TOLERATED_FPR,
    )
    return {
        "text": text,
        "characters": result.characters,
        "verdict": result.verdict.value,
        "p_ai": result.p_ai,
    }


def _attack_table(
    unattacked: Sequence[Judged], scorer: RememberingScorer, calibration: Calibration
) -> list[Content]:
    long_enough = [j.document for j in unattacked if j.evidence.characters >= _LEAST_ATTACKED]
    attacks: dict[str, Callable[[str], str]] = {"none": lambda text: text, **ATTACKS}
    rows = []
    for name, attack in attacks.items():
        judged = judge([d.with_text(attack(d.text)) for d in long_enough], scorer, calibration)
        scores, is_ai = arrays(judged)
        rows.append(
            {
                "attack": name,
                "texts": len(judged),
                "auroc": round(auroc(scores, is_ai), 4),
                "tpr_at_1_percent_fpr": round(tpr_at_fpr(scores, is_ai, 0.01), 4),
                "ai_accused": verdicts(j for j in judged if j.document.label == AI)["accused"],
                "human_accused": verdicts(j for j in judged if j.document.label == HUMAN)["accused"],
            }
        )
    return rows
