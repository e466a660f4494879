"""A result as the fields of a report."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from detection.scoring.types import DetectionResult


def report_fields(result: DetectionResult) -> dict[str, Any]:
    """Plain JSON content, under the names of the columns."""
    return {
        "verdict": result.verdict.value,
        "p_ai": result.p_ai,
        "characters": result.characters,
        "characters_excluded": result.characters_excluded,
        "shares": result.shares,
        "sentences": [asdict(sentence) for sentence in result.sentences],
        "excluded": [asdict(span) for span in result.excluded],
        "attack_flags": [asdict(flag) for flag in result.attack_flags],
        "reasons": list(result.reasons),
        "length_band": result.length_band,
        "tolerated_fpr": result.tolerated_fpr,
        "threshold": result.threshold,
        "fpr_upper_bound": result.fpr_upper_bound,
        "calibration_texts": result.calibration_texts,
        "model_name": result.model_name,
        "model_digest": result.model_digest,
        "calibration_digest": result.calibration_digest,
    }
