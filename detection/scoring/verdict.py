"""From evidence to a verdict that accuses only what its calibration lets it accuse."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from detection.scoring.calibration import Band, Calibration, Threshold
from detection.scoring.evidence import Evidence, weigh
from detection.scoring.language import LITERARY_CHINESE
from detection.scoring.prepare import PreparedDocument, prepare
from detection.scoring.types import (
    DetectionResult,
    ExtractedDocument,
    Scorer,
    SegmentScore,
    SentenceResult,
    Verdict,
)

SUBSTANTIAL_HUMAN_SHARE = 0.2  # of an accused text: from here on it is mixed
DOMINANT_AI_SHARE = 0.5
UNKNOWN_PROBABILITY = 0.5
# The codes of `abstention`. What is so short, or in such a language, is not scored, and not charged.
ABSTENTIONS = frozenset({"too_short", "unsupported_language", "literary_chinese"})
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class _Finding:
    verdict: Verdict
    p_ai: float
    sentences: tuple[tuple[float, Verdict], ...]
    reasons: tuple[str, ...] = ()


def abstention(prepared: PreparedDocument, calibration: Calibration) -> str | None:
    """Why this document needs no scoring because it cannot have a verdict: a stable code, or None."""
    if prepared.characters < calibration.least_characters:
        return "too_short"
    if prepared.language not in calibration.languages:
        return "literary_chinese" if prepared.language == LITERARY_CHINESE else "unsupported_language"
    return None


def was_scored(reasons: Collection[str]) -> bool:
    """Whether a result with these reasons rests on scores, and its characters are to be charged."""
    return ABSTENTIONS.isdisjoint(reasons)


def conclude(
    *,
    prepared: PreparedDocument,
    scores: Sequence[SegmentScore],
    calibration: Calibration,
    tolerated_fpr: float,
    model_name: str,
    model_digest: str,
) -> DetectionResult:
    """The result of one document. `scores` run parallel to its segments; none if it must abstain."""
    band = calibration.band(prepared.characters, prepared.genre)
    threshold = band.threshold(tolerated_fpr)
    reason = abstention(prepared, calibration)
    if reason:
        nothing = ((UNKNOWN_PROBABILITY, Verdict.INCONCLUSIVE),) * len(prepared.sentences)
        finding = _Finding(Verdict.INCONCLUSIVE, UNKNOWN_PROBABILITY, nothing, (reason,))
    else:
        finding = _finding(weigh(prepared, scores), calibration, band, threshold)
    sentences = tuple(
        SentenceResult(sentence.start, sentence.end, round(p_ai, _DECIMALS), verdict, sentence.characters)
        for sentence, (p_ai, verdict) in zip(prepared.sentences, finding.sentences, strict=True)
    )
    characters = [sentence.characters for sentence in prepared.sentences]
    return DetectionResult(
        verdict=finding.verdict,
        p_ai=round(finding.p_ai, _DECIMALS),
        characters=prepared.characters,
        characters_excluded=prepared.characters_excluded,
        shares=_shares([verdict for _, verdict in finding.sentences], characters),
        sentences=sentences,
        excluded=prepared.excluded,
        attack_flags=prepared.attack_flags,
        length_band=f"0-{calibration.least_characters}" if reason == "too_short" else band.name,
        tolerated_fpr=tolerated_fpr,
        threshold=round(band.accusing_probability(threshold), _DECIMALS),
        fpr_upper_bound=round(threshold.fpr_upper_bound, _DECIMALS),
        calibration_texts=threshold.texts,
        model_name=model_name,
        model_digest=model_digest,
        calibration_digest=calibration.digest,
        reasons=finding.reasons,
    )


def _finding(evidence: Evidence, calibration: Calibration, band: Band, threshold: Threshold) -> _Finding:
    statistic = band.statistic(evidence)
    p_ai = band.probability(statistic)
    probabilities = [calibration.sentences.platt.probability(float(x)) for x in evidence.sentence_logits]
    reads_human = statistic <= band.human_at_most
    if statistic > threshold.logit:
        verdict, marks = _accused(evidence, calibration, band, threshold, probabilities)
    elif reads_human and not calibration.is_suspicious(evidence):
        verdict, marks = Verdict.HUMAN, _marks(probabilities, ai_from=2.0, human_to=0.5)
    else:
        verdict = Verdict.INCONCLUSIVE
        marks = _marks(probabilities, ai_from=2.0, human_to=calibration.sentences.human_at_most)
    if statistic > threshold.logit:
        doubt = "no_passage_to_show"
    else:
        doubt = "ai_like_passage" if reads_human else _doubt(calibration, threshold)
    reasons = (doubt,) if verdict is Verdict.INCONCLUSIVE else ()
    return _Finding(verdict, p_ai, tuple(zip(probabilities, marks, strict=True)), reasons)


def _accused(
    evidence: Evidence,
    calibration: Calibration,
    band: Band,
    threshold: Threshold,
    probabilities: Sequence[float],
) -> tuple[Verdict, list[Verdict]]:
    """`ai` if the whole carries the accusation and hardly a part reads human, else `mixed`.

    Only in an accused document are sentences marked as AI: nobody is accused by a sentence.
    """
    is_whole_accused = evidence.mean_logit > threshold.logit
    ai_from = 0.5 if is_whole_accused else calibration.sentences.ai_at_least
    marks = _marks(probabilities, ai_from=ai_from, human_to=calibration.sentences.human_at_most)
    if not is_whole_accused:  # then it is a run that accuses
        run = band.accusing_run(evidence)
        marks[run.first_sentence : run.end_sentence] = [Verdict.AI] * (run.end_sentence - run.first_sentence)
    shares = _shares(marks, evidence.sentence_characters.tolist())
    is_ai_throughout = (
        is_whole_accused and shares["human"] < SUBSTANTIAL_HUMAN_SHARE and shares["ai"] > DOMINANT_AI_SHARE
    )
    if is_ai_throughout:
        return Verdict.AI, marks
    if shares["ai"] == 0:  # sentences and whole disagree: no accusation that cannot be shown
        return Verdict.INCONCLUSIVE, marks
    return Verdict.MIXED, marks


def _marks(probabilities: Sequence[float], *, ai_from: float, human_to: float) -> list[Verdict]:
    return [
        Verdict.AI if p > ai_from else Verdict.HUMAN if p <= human_to else Verdict.INCONCLUSIVE
        for p in probabilities
    ]


def _doubt(calibration: Calibration, threshold: Threshold) -> str:
    if not calibration.is_fitted:
        return "uncalibrated_model"
    return "between_thresholds" if np.isfinite(threshold.logit) else "too_few_calibration_texts"


def _shares(verdicts: Sequence[Verdict], characters: Sequence[int]) -> dict[str, float]:
    total = max(sum(characters), 1)
    counts = {Verdict.HUMAN: 0, Verdict.AI: 0}
    for verdict, count in zip(verdicts, characters, strict=True):
        if verdict in counts:
            counts[verdict] += count
    shares = {verdict.value: round(count / total, _DECIMALS) for verdict, count in counts.items()}
    shares[Verdict.INCONCLUSIVE.value] = round(1 - sum(shares.values()), _DECIMALS)
    return shares


def detect(
    *, document: ExtractedDocument, scorer: Scorer, calibration: Calibration, tolerated_fpr: float
) -> DetectionResult:
    """The whole way for one document."""
    prepared = prepare(document)
    scores = [] if abstention(prepared, calibration) else scorer.score(prepared.segments)
    return conclude(
        prepared=prepared,
        scores=scores,
        calibration=calibration,
        tolerated_fpr=tolerated_fpr,
        model_name=scorer.model_name,
        model_digest=scorer.model_digest,
    )
