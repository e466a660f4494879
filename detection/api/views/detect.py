"""A text in, its verdict in the same reply."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.services.api_keys import Scope
from detection.api.access import BYTES_A_CHARACTER_AT_MOST, SMALL_BODY_BYTES, ApiView, endpoint
from detection.api.inputs import DetectInput
from detection.api.outputs import DetectionOutput
from detection.api.problems import OVERLOADED
from detection.api.replies import outcome_reply
from detection.api.schema_parts import (
    BODY_PROBLEMS,
    IDEMPOTENCY_KEY,
    IDEMPOTENCY_PROBLEMS,
    LOCATION,
    TEXT_PROBLEMS,
    described,
)
from detection.services.realtime import detect_now
from zhenwen.http.fields import read_body


class DetectView(ApiView):
    body_size_bytes_at_most = (
        settings.REALTIME_CHARACTERS_AT_MOST * BYTES_A_CHARACTER_AT_MOST + SMALL_BODY_BYTES
    )

    @described(
        operation_id="detect",
        tag="detect",
        summary=_("Analyse a text at once"),
        description=_(
            "Waits for the result, at most until the deadline. For texts of up to 20,000 characters; the "
            "rest goes to /api/v1/detections. A text too short to judge is no error: its verdict is "
            "inconclusive."
        ),
        request=DetectInput,
        responses={
            200: OpenApiResponse(DetectionOutput, description=_("The result.")),
            202: OpenApiResponse(
                DetectionOutput, description=_("The deadline passed first; ask again at Location.")
            ),
        },
        refusals=(*BODY_PROBLEMS, *IDEMPOTENCY_PROBLEMS, *TEXT_PROBLEMS, OVERLOADED),
        parameters=(IDEMPOTENCY_KEY, LOCATION),
        examples=[
            OpenApiExample(
                "text",
                {"text": "春天的傍晚，我沿着江边慢慢走回家。", "deadline_seconds": 5},
                request_only=True,
            )
        ],
    )
    @endpoint(Scope.DETECTIONS_WRITE, idempotent=True, in_transaction=False)
    def post(self, request: Request) -> Response:
        asked = read_body(DetectInput, request)
        outcome = detect_now(
            organization_id=self.organization_id,
            text=asked["text"],
            submitter=self.submitter,
            deadline_seconds=asked["deadline_seconds"],
            title=asked.get("title", ""),
            external_id=asked.get("external_id", ""),
            detection_id=self.work_id,
        )
        return outcome_reply(outcome)
