"""The tables of an evaluation, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from detection.scoring.calibration import Calibration
from detection.scoring.statistics import Booleans, Floats, rate_interval, sigmoid
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

# Sets beside the development corpora.
AS_IT_COMES = "dev as it comes"  # every source by its share of the corpus, not evenly
PACKAGES, POLISHED, WRITTEN_SET = "packages", "polished", "written"

_EASILY_ACCUSED = {  # what a reader would call it: the kind of writing
    "translated": "translations",
    "technical": "technical",
    "classical (in modern Chinese)": "classics",
    "theses": "theses",
    "law": "law",
    "news": "news",
    "encyclopedic": "encyclopedia",
}
_ESSAYS = "school essays"  # an area: some stand in a source of several kinds
_LEAST_MEASURED_TEXTS = 5  # fewer have no rank
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
            "fpr_interval": [round(bound, 5) for bound in rate_interval(t.accused, t.texts)],
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
    return {
        "set": name,
        "least_characters": least_characters,
        "human_texts": int((~is_ai).sum()),
        "ai_texts": int(is_ai.sum()),
        **_apart(judged),
        "tpr_interval": interval(lambda rows: tpr_at_fpr(scores[rows], is_ai[rows], 0.01), groups),
        "human_verdicts": verdicts(j for j in judged if j.document.label == HUMAN),
        "ai_verdicts": verdicts(j for j in judged if j.document.label == AI),
    }


def interval(measure: Callable[[Any], float], groups: Sequence[str]) -> list[float]:
    return [round(value, 4) for value in bootstrap_interval(measure, groups)]


def verdicts(judged: Iterable[Judged]) -> Content:
    """Shares: accused (ai, mixed, polished), inconclusive, human; and of the accused those as polished."""
    outcomes = [j.verdict for j in judged]
    count = max(len(outcomes), 1)
    return {
        "texts": len(outcomes),
        "accused": round(sum(v in _ACCUSATIONS for v in outcomes) / count, 4),
        "inconclusive": round(outcomes.count(Verdict.INCONCLUSIVE) / count, 4),
        "human": round(outcomes.count(Verdict.HUMAN) / count, 4),
        "polished": round(outcomes.count(Verdict.POLISHED) / count, 4),
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
    long = [j for j in human if j.evidence.characters >= 300]
    return {
        "kind": sliced(human, lambda j: j.document.kind),
        "source": sliced(human, lambda j: j.document.source),
        "characters": sliced(human, lambda j: j.band),
        "300 characters and more": sliced(long, lambda j: j.document.kind),
        "300 characters and more, by source": sliced(long, lambda j: j.document.source),
    }


def ai_tables(judged: Sequence[Judged]) -> dict[str, list[Content]]:
    return {
        "generator": separated(
            judged, lambda j: f"{j.document.source}: {j.document.generator or 'not stated'}"
        ),
        "area": separated(judged, _area),
        "characters": separated(judged, lambda j: j.band),
    }


def separated(judged: Sequence[Judged], key: Callable[[Judged], str]) -> list[Content]:
    """Slices of the AI texts, each against all human texts of the set."""
    human = [j for j in judged if j.document.label == HUMAN]
    rows = sliced([j for j in judged if j.document.label == AI], key)
    for row in rows:
        own = [j for j in judged if j.document.label == AI and key(j) == row["slice"]]
        if len(own) >= _LEAST_MEASURED_TEXTS:
            row.update(_apart([*human, *own]))
    return rows


def _apart(judged: Sequence[Judged]) -> Content:
    scores, is_ai = arrays(judged)
    groups = [j.document.group for j in judged]
    probabilities = np.array([sigmoid(score) for score in scores])
    return {
        "auroc": round(auroc(scores, is_ai), 4),
        "auroc_interval": interval(lambda rows: auroc(scores[rows], is_ai[rows]), groups),
        "tpr_at_1_percent_fpr": round(tpr_at_fpr(scores, is_ai, 0.01), 4),
        "tpr_at_0_1_percent_fpr": round(tpr_at_fpr(scores, is_ai, 0.001), 4),
        "ece": round(expected_calibration_error(probabilities, is_ai), 4),
    }


def fairness_table(judged: Sequence[Judged]) -> list[Content]:
    """Human texts of those who are accused most easily, all sets together."""
    human = [j for j in judged if j.document.label == HUMAN]
    slices = {
        name: [j for j in human if j.document.kind == kind] for name, kind in _EASILY_ACCUSED.items()
    } | {
        "students' essays": [j for j in human if _area(j) == _ESSAYS],
        "short (below 150 characters)": [j for j in human if j.evidence.characters < _SHORT_CHARACTERS],
    }
    return [{"slice": name, **verdicts(chosen)} for name, chosen in slices.items()]


def _area(judged: Judged) -> str:
    return area_of(judged.document.source, judged.document.domain)


def cells(name: str, judged: Sequence[Judged]) -> list[Content]:
    """Source × generator × domain × length; AI texts against all human ones of the set, if it has some."""
    human = [j for j in judged if j.document.label == HUMAN]
    by_cell: dict[tuple[str, str, str, str, str], list[Judged]] = {}
    for j in judged:
        d = j.document
        by_cell.setdefault((d.label, d.source, d.generator, d.domain, j.band), []).append(j)
    rows: list[Content] = []
    for (label, source, generator, domain, band), own in sorted(by_cell.items()):
        about = {"set": name, "label": label, "source": source, "generator": generator, "domain": domain}
        row: Content = {**about, "characters": band, **verdicts(own)}
        if label == AI and human and len(own) >= _LEAST_MEASURED_TEXTS:
            row.update(_apart([*human, *own]))
        rows.append(row)
    return rows


def reliability_points(judged: Sequence[Judged]) -> list[list[float]]:
    scores, is_ai = arrays(judged)
    probabilities = np.array([sigmoid(score) for score in scores])
    return [[round(value, 4) for value in point] for point in reliability(probabilities, is_ai)]
