"""The tables of an evaluation, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from detection.scoring.calibration import Calibration
from detection.scoring.statistics import Booleans, Floats, sigmoid
from detection.scoring.types import Verdict
from detection.training.judging import Judged
from detection.training.measures import (
    auroc,
    bootstrap_interval,
    expected_calibration_error,
    reliability,
    tpr_at_fpr,
)
from detection.training.texts import AI, HUMAN, area_of

Content = dict[str, Any]

AS_IT_COMES = "dev as it comes"  # every source by its share of the corpus, not evenly

_EASILY_ACCUSED = {  # what a reader would call it: the kind of writing
    "translated": "translations",
    "technical": "technical",
    "classical (in modern Chinese)": "classics",
    "students' essays": "school essays",
    "theses": "theses",
    "law": "law",
    "news": "news",
}
_SHORT_CHARACTERS = 150
_ACCUSATIONS = (Verdict.AI, Verdict.MIXED, Verdict.POLISHED)


def calibration_table(calibration: Calibration) -> list[Content]:
    return [
        {
            "band": band.name,
            "human_texts": band.human_texts,
            "ai_texts": band.ai_texts,
            "tolerated_fpr": t.tolerated_fpr,
            "accuses_above": None if np.isinf(t.logit) else round(band.accusing_probability(t), 4),
            "accused": t.accused,
            "fpr_upper_bound": round(t.fpr_upper_bound, 4),
        }
        for band in calibration.all_bands
        for t in band.thresholds
    ]


def arrays(judged: Sequence[Judged]) -> tuple[Floats, Booleans]:
    scores = np.array([j.score for j in judged], dtype=np.float64)
    return scores, np.array([j.document.label == AI for j in judged], dtype=np.bool_)


def headline(name: str, judged: Sequence[Judged], least_characters: int) -> Content:
    judged = [j for j in judged if j.evidence.characters >= least_characters]
    scores, is_ai = arrays(judged)
    groups = [j.document.group for j in judged]
    probabilities = np.array([sigmoid(score) for score in scores])
    return {
        "set": name,
        "least_characters": least_characters,
        "human_texts": int((~is_ai).sum()),
        "ai_texts": int(is_ai.sum()),
        "auroc": round(auroc(scores, is_ai), 4),
        "auroc_interval": interval(lambda rows: auroc(scores[rows], is_ai[rows]), groups),
        "tpr_at_1_percent_fpr": round(tpr_at_fpr(scores, is_ai, 0.01), 4),
        "tpr_interval": interval(lambda rows: tpr_at_fpr(scores[rows], is_ai[rows], 0.01), groups),
        "tpr_at_0_1_percent_fpr": round(tpr_at_fpr(scores, is_ai, 0.001), 4),
        "ece": round(expected_calibration_error(probabilities, is_ai), 4),
        "human_verdicts": verdicts(j for j in judged if j.document.label == HUMAN),
        "ai_verdicts": verdicts(j for j in judged if j.document.label == AI),
    }


def interval(measure: Callable[[Any], float], groups: Sequence[str]) -> list[float]:
    return [round(value, 4) for value in bootstrap_interval(measure, groups)]


def verdicts(judged: Iterable[Judged]) -> Content:
    """Shares: accused (ai, mixed, polished), inconclusive, human."""
    outcomes = [j.verdict for j in judged]
    count = max(len(outcomes), 1)
    return {
        "texts": len(outcomes),
        "accused": round(sum(v in _ACCUSATIONS for v in outcomes) / count, 4),
        "inconclusive": round(outcomes.count(Verdict.INCONCLUSIVE) / count, 4),
        "human": round(outcomes.count(Verdict.HUMAN) / count, 4),
    }


def sliced(judged: Sequence[Judged], key: Callable[[Judged], str]) -> list[Content]:
    slices: dict[str, list[Judged]] = {}
    for j in judged:
        slices.setdefault(key(j), []).append(j)
    return [{"slice": name, **verdicts(slices[name])} for name in sorted(slices, key=_natural)]


def _natural(name: str) -> tuple[int, str]:
    """Lengths in order of size, everything else by the alphabet."""
    digits = name.split("-")[0].rstrip("+")
    return (int(digits) if digits.isdigit() else 0, name)


def human_tables(judged: Sequence[Judged]) -> dict[str, list[Content]]:
    human = [j for j in judged if j.document.label == HUMAN]
    return {
        "kind": sliced(human, lambda j: j.document.kind),
        "source": sliced(human, lambda j: j.document.source),
        "characters": sliced(human, lambda j: j.band),
        "300 characters and more": sliced(
            [j for j in human if j.evidence.characters >= 300], lambda j: j.document.kind
        ),
    }


def ai_tables(judged: Sequence[Judged]) -> dict[str, list[Content]]:
    return {
        "generator": separated(
            judged, lambda j: f"{j.document.source}: {j.document.generator or 'not stated'}"
        ),
        "area": separated(judged, lambda j: area_of(j.document.source, j.document.domain)),
        "characters": separated(judged, lambda j: j.band),
    }


def separated(judged: Sequence[Judged], key: Callable[[Judged], str]) -> list[Content]:
    """Slices of the AI texts, each against all human texts of the set."""
    human = [j for j in judged if j.document.label == HUMAN]
    rows = sliced([j for j in judged if j.document.label == AI], key)
    for row in rows:
        own = [j for j in judged if j.document.label == AI and key(j) == row["slice"]]
        scores, is_ai = arrays([*human, *own])
        row["auroc"] = round(auroc(scores, is_ai), 4)
        row["tpr_at_1_percent_fpr"] = round(tpr_at_fpr(scores, is_ai, 0.01), 4)
    return rows


def fairness_table(judged: Sequence[Judged]) -> list[Content]:
    """Human texts of those who are accused most easily, all sets together."""
    human = [j for j in judged if j.document.label == HUMAN]
    rows = [
        {"slice": name, **verdicts(j for j in human if j.document.kind == kind)}
        for name, kind in _EASILY_ACCUSED.items()
    ]
    return [*rows, {"slice": "short (below 150 characters)", **verdicts(_short(human))}]


def _short(judged: Sequence[Judged]) -> list[Judged]:
    return [j for j in judged if j.evidence.characters < _SHORT_CHARACTERS]


def cells(name: str, judged: Sequence[Judged]) -> list[Content]:
    return [
        {"set": name, **cell}
        for cell in sliced(
            judged, lambda j: f"{j.document.label}|{j.document.source}|{j.document.generator}|{j.band}"
        )
    ]


def reliability_points(judged: Sequence[Judged]) -> list[list[float]]:
    scores, is_ai = arrays(judged)
    probabilities = np.array([sigmoid(score) for score in scores])
    return [[round(value, 4) for value in point] for point in reliability(probabilities, is_ai)]
