"""The description of the API, for programs and for people. Needs no key."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from accounts.services.api_keys import Scope
from detection.api.docs_page import API_KEY_SHOWN, operations_of
from detection.api.problems import PROBLEMS
from detection.api.schema import api_schema, schema_json, schema_yaml
from detection.errors import described_codes
from zhenwen.http.middleware import CHINESE, ENGLISH


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """YAML, or JSON for callers that ask for it with Accept or ?format=json."""
    asked = request.GET.get("format") or request.headers.get("Accept", "")
    if "json" in asked:
        return HttpResponse(schema_json(), content_type="application/json")
    return HttpResponse(schema_yaml(), content_type="application/yaml; charset=utf-8")


@require_safe
def documentation(request: HttpRequest) -> HttpResponse:
    language = ENGLISH if get_language() == ENGLISH else CHINESE
    context = {
        "operations": operations_of(api_schema(language), address=settings.SITE_URL.rstrip("/")),
        "problems": PROBLEMS,
        "failures": described_codes(),
        "scopes": Scope.ALL,
        "address": settings.SITE_URL.rstrip("/"),
        "key_shown": API_KEY_SHOWN,
        "limits": {
            "key": settings.API_KEY_REQUESTS_A_MINUTE,
            "organization": settings.ORGANIZATION_REQUESTS_A_MINUTE,
        },
    }
    return render(request, "api/docs.html", context)
