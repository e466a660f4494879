from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def current_organization(request: HttpRequest) -> dict[str, Any]:
    """`membership` and `organization` in every template of /o/<slug>/…; set by accounts.web.access."""
    membership = getattr(request, "membership", None)
    return {
        "membership": membership,
        "organization": membership.organization if membership else None,
    }
