"""A result as plain JSON content: the one spelling of its fields outside Python."""

from __future__ import annotations

from typing import Any

from detection.scoring.types import DetectionResult


def result_content(result: DetectionResult) -> dict[str, Any]:
    """Offsets are code points, ends exclusive; probabilities and shares lie between 0 and 1."""
    return {
        "verdict": result.verdict.value,
        "p_ai": result.p_ai,
        "characters": result.characters,
        "characters_excluded": result.characters_excluded,
        "shares": dict(result.shares),
        "sentences": [
            {
                "start": s.start,
                "end": s.end,
                "p_ai": s.p_ai,
                "verdict": s.verdict.value,
                "characters": s.characters,
            }
            for s in result.sentences
        ],
        "excluded": [
            {"start": e.start, "end": e.end, "reason": e.reason.value, "characters": e.characters}
            for e in result.excluded
        ],
        "attack_flags": [{"kind": flag.kind, "count": flag.count} for flag in result.attack_flags],
        "reasons": list(result.reasons),
        "length_band": result.length_band,
        "tolerated_fpr": result.tolerated_fpr,
        "threshold": result.threshold,
        "fpr_upper_bound": result.fpr_upper_bound,
        "calibration_texts": result.calibration_texts,
        "model": {
            "name": result.model_name,
            "digest": result.model_digest,
            "calibration": result.calibration_digest,
        },
    }
