from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_stubs_ext import StrOrPromise

from accounts.permissions import Permission
from accounts.web.access import MemberRequest, member_page
from zhenwen.audit.selectors import newest_events

EVENTS_A_PAGE = 50
ACTIONS: dict[str, StrOrPromise] = {
    "organization.created": _("Institution opened"),
    "member.added": _("Member added"),
    "member.invited": _("Invitation sent"),
    "member.invitation_withdrawn": _("Invitation withdrawn"),
    "member.joined": _("Invitation accepted"),
    "member.role_changed": _("Role changed"),
    "member.removed": _("Member removed"),
    "api_key.issued": _("API key created"),
    "api_key.revoked": _("API key revoked"),
    "policy.changed": _("Policy changed"),
    "detection.cancelled": _("Detection cancelled"),
    "document.erased": _("Document erased"),
}


@member_page(Permission.READ_AUDIT_LOG)
@require_safe
@never_cache
def audit_log(request: MemberRequest) -> HttpResponse:
    """Who did what to the institution and its documents, newest first."""
    events = newest_events(organization_id=request.membership.organization_id)
    page = Paginator(events, EVENTS_A_PAGE).get_page(request.GET.get("page"))
    rows = [(event, ACTIONS.get(event.action, event.action)) for event in page.object_list]
    return render(request, "accounts/audit_log.html", {"page": page, "rows": rows})
