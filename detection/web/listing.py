"""The table of detections, shared by the list of documents and the page of a batch."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control, patch_vary_headers

from detection.models import Detection

ROWS_A_PAGE = 25


def listing(detections: QuerySet[Detection], *, request: HttpRequest) -> dict[str, Any]:
    """Context of detection/listing.html: one page of rows, and whether one of them is still moving."""
    # The spans of a long report are megabytes that no list shows.
    rows = detections.select_related("document__batch").defer("report__sentences", "report__excluded")
    page = Paginator(rows, ROWS_A_PAGE).get_page(request.GET.get("page"))
    kept = request.GET.copy()
    kept.pop("page", None)
    return {
        "page": page,
        "is_moving": any(detection.is_open for detection in page.object_list),
        "kept": kept.urlencode(),
        "address": request.get_full_path(),
    }


def render_page_or_part(
    request: HttpRequest, *, page_template: str, part_template: str, context: dict[str, Any]
) -> HttpResponse:
    """The part alone when htmx asks for it, the whole page otherwise; never cached as one another."""
    is_part = request.headers.get("HX-Request") == "true"
    response = render(request, part_template if is_part else page_template, context)
    patch_vary_headers(response, ["HX-Request"])
    patch_cache_control(response, no_store=True, private=True)
    return response
