"""A result as the fields of a report."""

from __future__ import annotations

from typing import Any

from detection.scoring.content import result_content
from detection.scoring.types import DetectionResult


def report_fields(result: DetectionResult) -> dict[str, Any]:
    """Plain JSON content, under the names of the columns."""
    fields = result_content(result)
    model = fields.pop("model")
    return fields | {
        "model_name": model["name"],
        "model_digest": model["digest"],
        "calibration_digest": model["calibration"],
    }
