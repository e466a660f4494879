from __future__ import annotations

from typing import cast

from django.urls import reverse
from rest_framework.response import Response

from detection.models import Detection
from detection.reports.payload import detection_payload
from detection.services.realtime import RealtimeOutcome
from detection.states import State
from zhenwen.http.exceptions import RETRY_AFTER_OUTAGE_SECONDS
from zhenwen.http.problems import SERVICE_UNAVAILABLE, Problem, retry_after
from zhenwen.tenancy.scope import tenant_scope

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


def outcome_reply(outcome: RealtimeOutcome) -> Response:
    """200 with the result, 202 at the deadline. Raises Problem.

    A text cannot fail by itself: that it did is our fault, and nothing was charged.
    """
    payload = outcome.payload
    if payload is None:
        detection = cast("Detection", outcome.detection)
        with tenant_scope(detection.organization_id):
            return accepted(detection)
    if payload["state"] == State.FAILED:
        detail = payload["error"]["title"]
        raise Problem(SERVICE_UNAVAILABLE, detail=detail, headers=retry_after(RETRY_AFTER_OUTAGE_SECONDS))
    return Response(payload)
