"""Hand in, list, read, cancel, delete."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.services.api_keys import Scope
from detection.api import problems
from detection.api.access import BYTES_A_CHARACTER_AT_MOST, SMALL_BODY_BYTES, ApiView, endpoint
from detection.api.inputs import DetectionFilters, FileSubmissionInput, TextSubmissionInput
from detection.api.outputs import DetectionOutput, DetectionPageOutput
from detection.api.replies import accepted
from detection.api.schema_parts import (
    BODY_PROBLEMS,
    IDEMPOTENCY_KEY,
    IDEMPOTENCY_PROBLEMS,
    LOCATION,
    TEXT_PROBLEMS,
    described,
)
from detection.models import Batch, Detection
from detection.reports.payload import detection_payload
from detection.selectors.detections import detections_of
from detection.services.lifecycle import cancel_detection, erase_document
from detection.services.realtime import find_detection
from detection.services.submission import submit_file, submit_text
from zhenwen.http.fields import read_body, read_query
from zhenwen.http.pagination import newest_first_page
from zhenwen.http.parsing import StrictJSONParser
from zhenwen.http.problems import (
    INVALID_CURSOR,
    INVALID_QUERY,
    INVALID_REQUEST,
    NOT_FOUND,
    FieldError,
    Problem,
)

FORM = "multipart/form-data"


class DetectionsView(ApiView):
    parser_classes = (StrictJSONParser, MultiPartParser)
    body_size_bytes_at_most = SMALL_BODY_BYTES + max(
        settings.UPLOAD_SIZE_BYTES_AT_MOST, settings.DOCUMENT_CHARACTERS_AT_MOST * BYTES_A_CHARACTER_AT_MOST
    )

    @described(
        operation_id="list_detections",
        tag="detections",
        summary=_("List detections"),
        description=_("Newest first, one page at a time. Filters can be combined."),
        responses={200: OpenApiResponse(DetectionPageOutput, description=_("One page."))},
        refusals=(INVALID_QUERY, INVALID_CURSOR),
        parameters=(DetectionFilters,),
    )
    @endpoint(Scope.DETECTIONS_READ)
    def get(self, request: Request) -> Response:
        asked = read_query(DetectionFilters, request)
        rows = detections_of(organization_id=self.organization_id).filter(**asked["filters"])
        rows = rows.defer("report__sentences", "report__excluded")
        page = newest_first_page(rows, limit=asked["limit"], cursor=asked["cursor"])
        return Response(
            {
                "detections": [detection_payload(detection, spans=False) for detection in page.rows],
                "next_cursor": page.next_cursor,
            }
        )

    @described(
        operation_id="create_detection",
        tag="detections",
        summary=_("Hand in a text or a file"),
        description=_(
            "Replies at once; the work is done in the background. JSON with a text of up to "
            "400,000 characters, or a form with one file of up to 20 MiB."
        ),
        request={"application/json": TextSubmissionInput, FORM: FileSubmissionInput},
        responses={202: OpenApiResponse(DetectionOutput, description=_("Accepted; ask again at Location."))},
        refusals=(
            *BODY_PROBLEMS,
            *IDEMPOTENCY_PROBLEMS,
            *TEXT_PROBLEMS,
            problems.EMPTY_FILE,
            problems.FILE_TOO_LARGE,
            problems.UNSUPPORTED_TYPE,
        ),
        parameters=(IDEMPOTENCY_KEY, LOCATION),
        examples=[
            OpenApiExample(
                "file", {"file": "论文.docx", "external_id": "2026-0417"}, media_type=FORM, request_only=True
            ),
            OpenApiExample(
                "text",
                {"text": "本文研究城市更新中的社区参与。", "title": "社区参与"},
                media_type="application/json",
                request_only=True,
            ),
        ],
    )
    @endpoint(Scope.DETECTIONS_WRITE, idempotent=True)
    def post(self, request: Request) -> Response:
        if str(request.content_type).startswith(FORM):
            return accepted(self._submitted_file(request))
        return accepted(self._submitted_text(request))

    def _submitted_text(self, request: Request) -> Detection:
        asked = read_body(TextSubmissionInput, request)
        return submit_text(
            organization_id=self.organization_id,
            text=asked["text"],
            submitter=self.submitter,
            title=asked.get("title", ""),
            external_id=asked.get("external_id", ""),
            batch=_batch(asked),
        )

    def _submitted_file(self, request: Request) -> Detection:
        asked = read_body(FileSubmissionInput, request)
        return submit_file(
            organization_id=self.organization_id,
            data=asked["file"].read(),
            filename=asked["file"].name,
            submitter=self.submitter,
            title=asked.get("title", ""),
            external_id=asked.get("external_id", ""),
            batch=_batch(asked),
        )


class DetectionView(ApiView):
    @described(
        operation_id="get_detection",
        tag="detections",
        summary=_("Read one detection"),
        description=_("Its state, and its result once it has succeeded."),
        responses={200: OpenApiResponse(DetectionOutput, description=_("The detection."))},
        refusals=(NOT_FOUND,),
    )
    @endpoint(Scope.DETECTIONS_READ)
    def get(self, request: Request, detection_id: uuid.UUID) -> Response:  # noqa: ARG002
        return Response(detection_payload(_own_detection(self, detection_id)))

    @described(
        operation_id="delete_detection",
        tag="detections",
        summary=_("Delete a document"),
        description=_(
            "Erases its text, file, results and everything kept about it. The charge and the audit log "
            "remain. Nothing brings it back."
        ),
        responses={204: OpenApiResponse(description=_("Erased."))},
        refusals=(NOT_FOUND,),
    )
    @endpoint(Scope.DETECTIONS_WRITE)
    def delete(self, request: Request, detection_id: uuid.UUID) -> Response:  # noqa: ARG002
        detection = _own_detection(self, detection_id)
        erase_document(document=detection.document, erased_by=self.submitter)
        return Response(status=204)


class CancelView(ApiView):
    @described(
        operation_id="cancel_detection",
        tag="detections",
        summary=_("Cancel a detection"),
        description=_("Stops what is not finished and releases what was reserved for it."),
        responses={200: OpenApiResponse(DetectionOutput, description=_("The cancelled detection."))},
        refusals=(NOT_FOUND, problems.DETECTION_NOT_CANCELLABLE),
    )
    @endpoint(Scope.DETECTIONS_WRITE)
    def post(self, request: Request, detection_id: uuid.UUID) -> Response:  # noqa: ARG002
        cancel_detection(detection=_own_detection(self, detection_id), cancelled_by=self.submitter)
        return Response(detection_payload(_own_detection(self, detection_id)))


def _own_detection(view: ApiView, detection_id: uuid.UUID) -> Detection:
    """Raises Http404, also for what belongs to another organization."""
    detection = find_detection(organization_id=view.organization_id, detection_id=detection_id)
    if detection is None:
        raise Http404
    return detection


def _batch(asked: dict[str, Any]) -> Batch | None:
    if "batch" not in asked:
        return None
    batch = Batch.objects.filter(id=asked["batch"]).first()
    if batch is None:
        raise Problem(
            INVALID_REQUEST, errors=[FieldError("batch", "not_found", _("There is no such batch."))]
        )
    return batch
