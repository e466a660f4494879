from __future__ import annotations

import uuid
from typing import Any

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from accounts.permissions import Permission
from accounts.web.access import MemberRequest, member_page
from detection.errors import words_for
from detection.models import Detection, DocumentContent
from detection.reports.payload import detection_payload
from detection.reports.sheet import ReportSheet, report_number
from detection.selectors.detections import detection_of, progress_of
from detection.states import State


@member_page(Permission.READ_REPORTS)
@require_safe
def detection(request: MemberRequest, detection_id: uuid.UUID) -> HttpResponse:
    """How far it is while it runs (asking again by itself), the report or what went wrong afterwards."""
    found = detection_or_404(request, detection_id)
    context: dict[str, Any] = {"detection": found, "document": found.document}
    is_part = request.headers.get("HX-Request") == "true"
    if found.is_open:
        template = "detection/progress.html" if is_part else "detection/running.html"
        response = render(request, template, context | {"progress": progress_of(found)})
    elif is_part:
        response = HttpResponse(headers={"HX-Refresh": "true"})
    elif found.state == State.SUCCEEDED:
        sheet = ReportSheet(report=found.report, text=_text(found))
        response = render(request, "detection/report.html", context | _sheet_context(found, sheet))
    else:
        words = words_for(found.error_code, found.error_parameters) if found.state == State.FAILED else None
        response = render(request, "detection/unfinished.html", context | {"words": words})
    patch_cache_control(response, no_store=True, private=True)
    return response


@member_page(Permission.READ_REPORTS)
@require_safe
def report_json(request: MemberRequest, detection_id: uuid.UUID) -> HttpResponse:
    found = detection_or_404(request, detection_id)
    response = JsonResponse(detection_payload(found), json_dumps_params={"ensure_ascii": False, "indent": 2})
    response["Content-Disposition"] = f'attachment; filename="{report_number(found)}.json"'
    return response


def detection_or_404(request: MemberRequest, detection_id: uuid.UUID) -> Detection:
    found = detection_of(organization_id=request.membership.organization_id, detection_id=detection_id)
    if found is None:
        raise Http404
    return found


def _sheet_context(found: Detection, sheet: ReportSheet) -> dict[str, Any]:
    return {"sheet": sheet, "report": sheet.report, "number": report_number(found)}


def _text(found: Detection) -> str | None:
    """None once the document was erased, or its time to be kept is over."""
    content = DocumentContent.objects.filter(document_id=found.document_id).only("text").first()
    return content.text if content else None
