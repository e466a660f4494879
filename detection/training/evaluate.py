"""Measuring a model folder on texts it has not seen, through the same pipeline as the product."""

from __future__ import annotations

import json
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
from detection.training.card import write_measured
from detection.training.configuration import Configuration, EvaluationPlan
from detection.training.documents import Document, spread, whole
from detection.training.golden_texts import GOLDEN_TEXTS
from detection.training.judging import TOLERATED_FPR, Judged, abstentions, judge
from detection.training.measures import auroc, f1, tpr_at_fpr
from detection.training.report import write_report
from detection.training.scores import RememberingScorer, prepared_texts
from detection.training.speed import speeds
from detection.training.splices import Splice, papers, splices
from detection.training.tables import (
    AS_IT_COMES,
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
    CorpusText,
    copied_digests,
    measured_texts,
    read_texts,
)

_PACKAGES, _WRITTEN = "packages", "written"
_TIMED_TEXTS = 80


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

    `leave_out`: what the command of that name wrote; its rows come into the report if the file is there.
    `packages`: what calibrates beside the corpora. `measured_packages`: what was kept from that and from
    training; a set of its own if the file is there. `written`: texts that a model wrote for this product and
    that are kept from training; set against the human texts of `dev`.
    """
    model = load_model_folder(folder)
    scorer = RememberingScorer(model, cache)
    plan = configuration.evaluation
    texts = {name: measured_texts(data, name) for name in DEVELOPMENT}
    if measured_packages.exists():
        texts[_PACKAGES] = list(read_texts(measured_packages))
    by_model = _documents(list(read_texts(written)), _WRITTEN, plan)
    documents = {name: _documents(texts[name], name, plan) for name in texts}
    judged = {name: judge(documents[name], scorer, model.calibration) for name in texts}
    with_both = {name: judged[name] for name in texts if any(text.label == AI for text in texts[name])}
    human_of_dev = [j for j in judged["dev"] if j.document.label == HUMAN]
    with_both[_WRITTEN] = [*human_of_dev, *judge(by_model, scorer, model.calibration)]
    drawn = _drawn(texts["dev"], plan)
    as_it_comes = judge(drawn, scorer, model.calibration)
    report = {
        "model": {"name": model.model_name, "digest": model.model_digest, "backend": str(model.backend)},
        "calibration_digest": model.calibration.digest,
        "tolerated_fpr": TOLERATED_FPR,
        "copies": len(copied_digests()),
        "calibration": calibration_table(model.calibration),
        "headline": [
            headline(name, rows, least)
            for name, rows in {AS_IT_COMES: as_it_comes, **with_both}.items()
            for least in (0, 150, 300)
        ],
        "abstentions": [
            {"set": name, **row}
            for name, chosen in {AS_IT_COMES: drawn, **documents, _WRITTEN: by_model}.items()
            for row in abstentions(chosen, model.calibration)
        ],
        "human": {name: human_tables(judged[name]) for name in texts},
        "human_of_unseen_kinds": _unseen_kinds(
            documents["dev"] + documents["dev_fpr"],
            scorer,
            scored_documents(data, packages, scorer, configuration),
            configuration.model.languages,
        ),
        "ai": {name: ai_tables(rows) for name, rows in with_both.items()},
        "fairness": fairness_table([j for name in texts for j in judged[name]]),
        "cells": [cell for name in texts for cell in cells(name, judged[name])],
        "reliability": {name: reliability_points(judged[name]) for name in ("dev", "dev_ood")},
        "splices": _splice_table(
            splices(texts["dev"], count=plan.splices, seed=plan.seed), scorer, model.calibration
        ),
        "papers": _splice_table(_papers(texts, plan), scorer, model.calibration),
        "examples": _examples(model),
        "speeds": speeds(folder, [document.text for document in documents["dev"][:_TIMED_TEXTS]]),
        "leave_out": json.loads(leave_out.read_text("utf-8")) if leave_out.exists() else None,
        "attacks": _attack_table(documents["dev_ood"], scorer, model.calibration),
    }
    write_report(report, docs)
    if card is not None:
        write_measured(card, report)
    return report


def _drawn(texts: Sequence[CorpusText], plan: EvaluationPlan) -> list[Document]:
    """Texts in the shares that the corpus has."""
    chosen = spread(texts, (), plan.dev_texts, plan.seed)
    return [whole(text).shortened(plan.long_text_characters) for text in chosen]


def _documents(texts: Sequence[CorpusText], name: str, plan: EvaluationPlan) -> list[Document]:
    most = {
        "dev": plan.dev_texts_per_source,
        "dev_ood": plan.ood_texts_per_source,
        "dev_fpr": plan.fpr_texts_per_source,
        _PACKAGES: plan.ood_texts_per_source,
        _WRITTEN: plan.ood_texts_per_source,
    }[name]
    by_origin: dict[tuple[str, str, str], list[CorpusText]] = {}
    for text in texts:
        by_origin.setdefault((text.label, text.source, text.generator), []).append(text)
    chosen = [t for group in by_origin.values() for t in spread(group, (), most, plan.seed)]
    documents = [whole(text) for text in chosen]
    return [d.shortened(plan.long_text_characters) for d in documents]


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
    """Papers of human thesis passages and AI writing of the academic kind."""
    human = [t.text for t in texts["dev_fpr"] if t.kind == "theses"]
    ai = [t.text for t in texts["dev"] if t.label == AI and t.source == "cred"]
    return papers(human, ai, count=plan.papers, seed=plan.seed)


def _examples(model: ModelScorer) -> list[Content]:
    """What the product says of texts of our own."""
    results = [
        (
            text,
            detect(
                document=plain_document(text),
                scorer=model,
                calibration=model.calibration,
                tolerated_fpr=TOLERATED_FPR,
            ),
        )
        for text in GOLDEN_TEXTS
    ]
    return [
        {"text": text, "characters": r.characters, "verdict": r.verdict.value, "p_ai": r.p_ai}
        for text, r in results
    ]


def _attack_table(
    documents: Sequence[Document], scorer: RememberingScorer, calibration: Calibration
) -> list[Content]:
    long_enough = [d for d in documents if len(d.text) >= 150]
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
