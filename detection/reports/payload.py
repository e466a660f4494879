"""The one JSON shape of a detection: API replies, the page's download and the result cache."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext

from detection.errors import words_for
from detection.models import Detection, Report
from detection.selectors.detections import progress_of
from detection.states import State


def detection_payload(detection: Detection, *, text: bool = False, spans: bool = True) -> dict[str, Any]:
    """Offsets are code points of the document's text, which is included only when asked for.

    Lists leave out the spans, which grow with the text.
    """
    document = detection.document
    report = getattr(detection, "report", None) if detection.state == State.SUCCEEDED else None
    payload: dict[str, Any] = {
        "id": str(detection.pk),
        "state": detection.state,
        "document": {
            "id": str(document.pk),
            "title": document.title,
            "filename": document.filename,
            "source": document.source,
            "external_id": document.external_id,
        },
        "characters": detection.characters,
        "created_at": detection.created_at.isoformat(),
        "finished_at": detection.finished_at.isoformat() if detection.finished_at else None,
        "progress": progress_of(detection).fraction,
        "error": _error(detection),
        "result": result_payload(report, spans=spans) if report else None,
    }
    if text:
        payload["text"] = document.content.text if hasattr(document, "content") else None
    return payload


def result_payload(report: Report, *, spans: bool = True) -> dict[str, Any]:
    found = {"sentences": report.sentences, "excluded": report.excluded} if spans else {}
    return {
        "verdict": report.verdict,
        "p_ai": report.p_ai,
        "characters": report.characters,
        "characters_excluded": report.characters_excluded,
        "shares": report.shares,
        **found,
        "attack_flags": report.attack_flags,
        "reasons": report.reasons,
        "length_band": report.length_band,
        "tolerated_fpr": report.tolerated_fpr,
        "threshold": report.threshold,
        "fpr_upper_bound": report.fpr_upper_bound,
        "calibration_texts": report.calibration_texts,
        "model": {
            "name": report.model_name,
            "digest": report.model_digest,
            "calibration_digest": report.calibration_digest,
        },
        "notice": notice(),
    }


def notice() -> str:
    return gettext(
        "A statistical finding with the error rate stated. It is no sole evidence against anybody."
    )


def _error(detection: Detection) -> dict[str, str] | None:
    if detection.state != State.FAILED:
        return None
    words = words_for(detection.error_code, detection.error_parameters)
    return {"code": detection.error_code, "title": words.what_happened, "detail": words.what_to_do}
