from __future__ import annotations

from django.urls import reverse
from rest_framework.response import Response

from detection.models import Detection
from detection.reports.payload import detection_payload

ASK_AGAIN_AFTER_SECONDS = 1


def accepted(detection: Detection) -> Response:
    """202: it is being worked on, and where to ask for the result."""
    return Response(
        detection_payload(detection),
        status=202,
        headers={"Location": detection_address(detection), "Retry-After": str(ASK_AGAIN_AFTER_SECONDS)},
    )


def detection_address(detection: Detection) -> str:
    return reverse("api:detection", args=[detection.id])
