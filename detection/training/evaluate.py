"""Measuring a model folder on texts it has not seen, through the same pipeline as the product."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detection.engine import ModelScorer, load_model_folder
from detection.scoring.calibration import Calibration
from detection.scoring.evidence import Evidence, weigh
from detection.scoring.statistics import Booleans, Floats, sigmoid
from detection.scoring.types import Verdict
from detection.scoring.verdict import abstention, conclude
from detection.training.attacks import ATTACKS
from detection.training.calibrate import calibration_documents, fit, scored
from detection.training.configuration import Configuration, EvaluationPlan
from detection.training.documents import Document, spread, whole
from detection.training.measures import (
    auroc,
    bootstrap_interval,
    expected_calibration_error,
    reliability,
    tpr_at_fpr,
)
from detection.training.report import write_report
from detection.training.scores import RememberingScorer, prepared_texts, weighed
from detection.training.splices import splices
from detection.training.texts import AI, HUMAN, CorpusText, is_for_calibration, read_texts

TOLERATED_FPR = 0.01
_ACCUSATIONS = (Verdict.AI, Verdict.MIXED, Verdict.POLISHED)
_SETS = ("dev", "dev_ood", "dev_fpr")

Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Judged:
    """A document and what the product says of it; `score` are calibrated log-odds of AI."""

    document: Document
    evidence: Evidence
    verdict: Verdict
    band: str
    score: float


def evaluate(*, folder: Path, data: Path, cache: Path, docs: Path, configuration: Configuration) -> Content:
    """Measure everything, write the report into `docs`, and return it."""
    model = load_model_folder(folder)
    scorer = RememberingScorer(model, cache)
    plan = configuration.evaluation
    texts = {name: _measured_texts(data, name) for name in _SETS}
    documents = {name: _documents(texts[name], name, plan) for name in _SETS}
    judged = {name: judge(documents[name], scorer, model.calibration) for name in _SETS}
    unseen = _calibration_without(documents["dev_fpr"], scorer, data, configuration)
    report = {
        "model": {"name": model.model_name, "digest": model.model_digest, "backend": str(model.backend)},
        "calibration_digest": model.calibration.digest,
        "tolerated_fpr": TOLERATED_FPR,
        "calibration": _calibration_table(model.calibration),
        "headline": [
            _headline(name, judged[name], least) for name in ("dev", "dev_ood") for least in (0, 150, 300)
        ],
        "human": {name: _human_tables(judged[name]) for name in _SETS},
        "human_of_unseen_kinds": _human_tables(judge(documents["dev_fpr"], scorer, unseen))["source"],
        "ai": {name: _ai_tables(judged[name]) for name in ("dev", "dev_ood")},
        "cells": [cell for name in _SETS for cell in _cells(name, judged[name])],
        "reliability": {name: _reliability(judged[name]) for name in ("dev", "dev_ood")},
        "splices": _splice_table(texts["dev"], scorer, model, plan),
        "attacks": _attack_table(documents["dev_ood"], scorer, model.calibration, plan),
    }
    write_report(report, docs)
    return report


def judge(documents: Sequence[Document], scorer: RememberingScorer, calibration: Calibration) -> list[Judged]:
    """The documents that are long enough and in a language of the model, judged as the product does."""
    prepared = prepared_texts([document.text for document in documents])
    fit_for_it = [
        pair for pair in zip(documents, prepared, strict=True) if not abstention(pair[1], calibration)
    ]
    scorer.score([segment for _, p in fit_for_it for segment in p.segments])
    judged = []
    for document, p in fit_for_it:
        scores = scorer.score(p.segments)
        result = conclude(
            prepared=p,
            scores=scores,
            calibration=calibration,
            tolerated_fpr=TOLERATED_FPR,
            model_name=scorer.model_name,
            model_digest=scorer.model_digest,
        )
        evidence = weigh(p, scores)
        band = calibration.band(p.characters)
        score = band.platt.slope * band.statistic(evidence) + band.platt.intercept
        judged.append(Judged(document, evidence, result.verdict, band.name, score))
    return judged


def _measured_texts(data: Path, name: str) -> list[CorpusText]:
    """Of the corpora that also calibrate only the half that does not."""
    texts = (text for text in read_texts(data / f"{name}.jsonl.xz") if text.label in (HUMAN, AI))
    return [text for text in texts if name == "dev_ood" or not is_for_calibration(text)]


def _documents(texts: Sequence[CorpusText], name: str, plan: EvaluationPlan) -> list[Document]:
    most = {
        "dev": plan.dev_texts_per_source,
        "dev_ood": plan.ood_texts_per_source,
        "dev_fpr": plan.fpr_texts_per_source,
    }[name]
    by_origin: dict[tuple[str, str, str], list[CorpusText]] = {}
    for text in texts:
        by_origin.setdefault((text.label, text.source, text.generator), []).append(text)
    chosen = [t for group in by_origin.values() for t in spread(group, (), most, plan.seed)]
    documents = [whole(text) for text in chosen]
    return [d.shortened(plan.long_text_characters) for d in documents]


def _calibration_without(
    documents: Sequence[Document], scorer: RememberingScorer, data: Path, configuration: Configuration
) -> Calibration:
    """A calibration that has seen nothing of the sources of these documents."""
    sources = {document.source for document in documents}
    languages = configuration.model.languages
    kept = [d for d in calibration_documents(data, configuration.calibration) if d.source not in sources]
    return fit(scored(kept, scorer, languages=languages), languages=languages)


def _calibration_table(calibration: Calibration) -> list[Content]:
    return [
        {
            "band": band.name,
            "human_texts": band.human_texts,
            "ai_texts": band.ai_texts,
            "tolerated_fpr": t.tolerated_fpr,
            "accuses_above": None if np.isinf(t.logit) else round(band.platt.probability(t.logit), 4),
            "accused": t.accused,
            "fpr_upper_bound": round(t.fpr_upper_bound, 4),
        }
        for band in calibration.bands
        for t in band.thresholds
    ]


def _arrays(judged: Sequence[Judged]) -> tuple[Floats, Booleans]:
    scores = np.array([j.score for j in judged], dtype=np.float64)
    return scores, np.array([j.document.label == AI for j in judged], dtype=np.bool_)


def _headline(name: str, judged: Sequence[Judged], least_characters: int) -> Content:
    judged = [j for j in judged if j.evidence.characters >= least_characters]
    scores, is_ai = _arrays(judged)
    groups = [j.document.group for j in judged]
    probabilities = np.array([sigmoid(score) for score in scores])
    return {
        "set": name,
        "least_characters": least_characters,
        "human_texts": int((~is_ai).sum()),
        "ai_texts": int(is_ai.sum()),
        "auroc": round(auroc(scores, is_ai), 4),
        "auroc_interval": _interval(lambda rows: auroc(scores[rows], is_ai[rows]), groups),
        "tpr_at_1_percent_fpr": round(tpr_at_fpr(scores, is_ai, 0.01), 4),
        "tpr_interval": _interval(lambda rows: tpr_at_fpr(scores[rows], is_ai[rows], 0.01), groups),
        "ece": round(expected_calibration_error(probabilities, is_ai), 4),
        "human_verdicts": _verdicts(j for j in judged if j.document.label == HUMAN),
        "ai_verdicts": _verdicts(j for j in judged if j.document.label == AI),
    }


def _interval(measure: Callable[[Any], float], groups: Sequence[str]) -> list[float]:
    return [round(value, 4) for value in bootstrap_interval(measure, groups)]


def _verdicts(judged: Iterable[Judged]) -> Content:
    """Shares: accused (ai, mixed, polished), inconclusive, human."""
    verdicts = [j.verdict for j in judged]
    count = max(len(verdicts), 1)
    return {
        "texts": len(verdicts),
        "accused": round(sum(v in _ACCUSATIONS for v in verdicts) / count, 4),
        "inconclusive": round(verdicts.count(Verdict.INCONCLUSIVE) / count, 4),
        "human": round(verdicts.count(Verdict.HUMAN) / count, 4),
    }


def _sliced(judged: Sequence[Judged], key: Callable[[Judged], str]) -> list[Content]:
    slices: dict[str, list[Judged]] = {}
    for j in judged:
        slices.setdefault(key(j), []).append(j)
    return [{"slice": name, **_verdicts(slices[name])} for name in sorted(slices)]


def _human_tables(judged: Sequence[Judged]) -> dict[str, list[Content]]:
    human = [j for j in judged if j.document.label == HUMAN]
    return {
        "kind": _sliced(human, lambda j: j.document.kind),
        "source": _sliced(human, lambda j: j.document.source),
        "band": _sliced(human, lambda j: j.band),
        "300 characters and more": _sliced(
            [j for j in human if j.evidence.characters >= 300], lambda j: j.document.kind
        ),
    }


def _ai_tables(judged: Sequence[Judged]) -> dict[str, list[Content]]:
    ai = [j for j in judged if j.document.label == AI]
    return {
        "generator": _sliced(ai, lambda j: f"{j.document.source}: {j.document.generator or 'not stated'}"),
        "band": _sliced(ai, lambda j: j.band),
    }


def _cells(name: str, judged: Sequence[Judged]) -> list[Content]:
    return [
        {"set": name, **cell}
        for cell in _sliced(
            judged, lambda j: f"{j.document.label}|{j.document.source}|{j.document.generator}|{j.band}"
        )
    ]


def _reliability(judged: Sequence[Judged]) -> list[list[float]]:
    scores, is_ai = _arrays(judged)
    probabilities = np.array([sigmoid(score) for score in scores])
    return [[round(value, 4) for value in point] for point in reliability(probabilities, is_ai)]


def _splice_table(
    texts: Sequence[CorpusText], scorer: RememberingScorer, model: ModelScorer, plan: EvaluationPlan
) -> Content:
    made = splices(texts, count=plan.splices, seed=plan.seed)
    prepared = prepared_texts([splice.text for splice in made])
    evidence = weighed(prepared, scorer)
    labels = [splice.sentence_labels(p) for splice, p in zip(made, prepared, strict=True)]
    logits, is_ai = np.concatenate([e.sentence_logits for e in evidence]), np.concatenate(labels)
    groups = [s.group for s, sentences in zip(made, labels, strict=True) for _ in sentences]
    documents = [Document(splice.text, "mixed", "splice", "", splice.group) for splice in made]
    verdicts = [j.verdict.value for j in judge(documents, scorer, model.calibration)]
    return {
        "documents": len(made),
        "sentences": len(is_ai),
        "sentence_auroc": round(auroc(logits, is_ai), 4),
        "sentence_auroc_interval": _interval(lambda rows: auroc(logits[rows], is_ai[rows]), groups),
        "verdicts": {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))},
    }


def _attack_table(
    documents: Sequence[Document], scorer: RememberingScorer, calibration: Calibration, plan: EvaluationPlan
) -> list[Content]:
    by_source = (lambda d: d.label, lambda d: d.source, lambda d: d.generator)
    long_enough = [d for d in documents if len(d.text) >= 150]
    chosen = spread(long_enough, by_source, plan.attacked_texts, plan.seed)
    rows = []
    for name, attack in [("none", lambda text: text), *ATTACKS.items()]:
        judged = judge([d.with_text(attack(d.text)) for d in chosen], scorer, calibration)
        scores, is_ai = _arrays(judged)
        rows.append(
            {
                "attack": name,
                "texts": len(judged),
                "auroc": round(auroc(scores, is_ai), 4),
                "tpr_at_1_percent_fpr": round(tpr_at_fpr(scores, is_ai, 0.01), 4),
                "ai_accused": _verdicts(j for j in judged if j.document.label == AI)["accused"],
                "human_accused": _verdicts(j for j in judged if j.document.label == HUMAN)["accused"],
            }
        )
    return rows
