"""What the product says of documents whose authors are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from detection.scoring.calibration import Calibration
from detection.scoring.evidence import Evidence, weigh
from detection.scoring.types import Verdict
from detection.scoring.verdict import abstention, conclude
from detection.training.documents import Document
from detection.training.scores import RememberingScorer, prepared_texts

TOLERATED_FPR = 0.01


@dataclass(frozen=True, slots=True)
class Judged:
    """A document and what the product says of it; `score` are calibrated log-odds of AI."""

    document: Document
    evidence: Evidence
    verdict: Verdict
    band: str
    score: float
    marks: tuple[Verdict, ...]  # of its sentences


def abstentions(documents: Sequence[Document], calibration: Calibration) -> list[dict[str, Any]]:
    """How many documents the product gives no verdict on, by reason and label: they are in no other table."""
    prepared = prepared_texts([document.text for document in documents])
    counts = Counter(
        (reason, document.label)
        for document, p in zip(documents, prepared, strict=True)
        if (reason := abstention(p, calibration))
    )
    return [
        {"reason": reason, "label": label, "texts": texts}
        for (reason, label), texts in sorted(counts.items())
    ]


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
        band = calibration.band(p.characters, p.genre)
        score = band.log_odds(band.statistic(evidence))
        marks = tuple(sentence.verdict for sentence in result.sentences)
        judged.append(Judged(document, evidence, result.verdict, band.name, score, marks))
    return judged
