from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from accounts.permissions import ROLE_PERMISSIONS
from accounts.selectors.memberships import organizations_of


def current_organization(request: HttpRequest) -> dict[str, Any]:
    """`membership`, `organization`, `may` and `organizations` in every template of /o/<slug>/…

    `may.read_usage` is true where the member has that permission; accounts.web.access sets the membership.
    """
    membership = getattr(request, "membership", None)
    if membership is None:
        return {"membership": None, "organization": None}
    return {
        "membership": membership,
        "organization": membership.organization,
        "may": {permission.value: True for permission in ROLE_PERMISSIONS[membership.role]},
        "organizations": organizations_of(user=membership.user),
    }
