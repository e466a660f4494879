from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from accounts.permissions import Permission
from accounts.web.access import MemberRequest, member_page
from detection.models.report import VERDICT_LABELS
from detection.selectors.detections import detections_of
from detection.web.filters import STATE_GROUPS, Filters
from detection.web.listing import listing, render_page_or_part


@member_page(Permission.READ_REPORTS)
@require_safe
def documents(request: MemberRequest) -> HttpResponse:
    """Submit at the top, what was submitted below, newest first, moving while something is in progress."""
    return render_page_or_part(
        request,
        page_template="detection/documents.html",
        part_template="detection/listing.html",
        context=documents_context(request),
    )


def documents_context(request: MemberRequest) -> dict[str, Any]:
    detections = detections_of(organization_id=request.membership.organization_id)
    filters = Filters.from_address(request.GET)
    return {
        **listing(filters.narrow(detections), request=request),
        "filters": filters,
        "verdicts": [(verdict.value, label) for verdict, label in VERDICT_LABELS.items()],
        "states": [(name, label) for name, (label, _states) in STATE_GROUPS.items()],
        "files_at_most": settings.UPLOAD_FILES_AT_MOST,
        "size_bytes_at_most": settings.UPLOAD_SIZE_BYTES_AT_MOST,
        "megabytes_at_most": settings.UPLOAD_SIZE_BYTES_AT_MOST // 1024 // 1024,
        "characters_at_most": settings.DOCUMENT_CHARACTERS_AT_MOST,
    }
