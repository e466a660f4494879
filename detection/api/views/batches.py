"""Many texts in one call."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.services.api_keys import Scope
from detection.api.access import BYTES_A_CHARACTER_AT_MOST, SMALL_BODY_BYTES, ApiView, endpoint
from detection.api.inputs import BatchInput
from detection.api.outputs import BatchOutput
from detection.api.problems import submission_problem
from detection.api.schema_parts import (
    BODY_PROBLEMS,
    IDEMPOTENCY_KEY,
    IDEMPOTENCY_PROBLEMS,
    TEXT_PROBLEMS,
    described,
)
from detection.models import Batch, Detection
from detection.reports.payload import detection_payload
from detection.services.submission import SubmissionRefused, open_batch, submit_text
from zhenwen.http.fields import read_body


class BatchesView(ApiView):
    body_size_bytes_at_most = (
        settings.DOCUMENT_CHARACTERS_AT_MOST * BYTES_A_CHARACTER_AT_MOST + SMALL_BODY_BYTES
    )

    @described(
        operation_id="create_batch",
        tag="batches",
        summary=_("Hand in many texts"),
        description=_(
            "Up to 100 texts, accepted together or not at all. Follow them with "
            "/api/v1/detections?batch=<id>; files join a batch one by one."
        ),
        request=BatchInput,
        responses={202: OpenApiResponse(BatchOutput, description=_("Accepted."))},
        refusals=(*BODY_PROBLEMS, *IDEMPOTENCY_PROBLEMS, *TEXT_PROBLEMS),
        parameters=(IDEMPOTENCY_KEY,),
        examples=[
            OpenApiExample(
                "texts",
                {
                    "name": "2026 秋季",
                    "texts": [
                        {"text": "第一篇的正文。", "external_id": "1"},
                        {"text": "第二篇的正文。", "external_id": "2"},
                    ],
                },
                request_only=True,
            )
        ],
    )
    @endpoint(Scope.DETECTIONS_WRITE, idempotent=True)
    def post(self, request: Request) -> Response:
        asked = read_body(BatchInput, request)
        batch = open_batch(
            organization_id=self.organization_id, submitter=self.submitter, name=asked.get("name", "")
        )
        detections = [
            self._submitted(item, batch, field=f"texts.{position}.text")
            for position, item in enumerate(asked["texts"])
        ]
        return Response(
            {
                "id": str(batch.id),
                "name": batch.name,
                "created_at": batch.created_at.isoformat(),
                "detections": [detection_payload(detection) for detection in detections],
            },
            status=202,
        )

    def _submitted(self, item: dict[str, str], batch: Batch, *, field: str) -> Detection:
        try:
            return submit_text(
                organization_id=self.organization_id,
                text=item["text"],
                submitter=self.submitter,
                title=item.get("title", ""),
                external_id=item.get("external_id", ""),
                batch=batch,
            )
        except SubmissionRefused as refusal:
            raise submission_problem(refusal, field=field) from refusal
