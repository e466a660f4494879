"""The door of every page below /o/<slug>/: who is it, are they a member, may they."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse

from accounts.models import Membership, User
from accounts.permissions import Permission, role_permits
from accounts.selectors.memberships import membership_of
from zhenwen.tenancy.scope import tenant_scope

P = ParamSpec("P")


class MemberRequest(HttpRequest):
    """A request whose sender is a member of the organization in the address."""

    user: User
    membership: Membership


def member_page(
    permission: Permission,
) -> Callable[
    [Callable[Concatenate[MemberRequest, P], HttpResponseBase]],
    Callable[Concatenate[HttpRequest, str, P], HttpResponseBase],
]:
    """The view runs inside the organization's scope. Strangers get 404, members without the right 403."""

    def decorate(
        view: Callable[Concatenate[MemberRequest, P], HttpResponseBase],
    ) -> Callable[Concatenate[HttpRequest, str, P], HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _signed_out(request)
            membership = membership_of(user=request.user, slug=slug)
            if membership is None:
                raise Http404
            if not role_permits(membership.role, permission):
                raise PermissionDenied
            member_request = cast("MemberRequest", request)
            member_request.membership = membership
            with tenant_scope(membership.organization_id):
                return view(member_request, *args, **kwargs)

        guarded.required_permission = permission  # type: ignore[attr-defined]
        return cast("Callable[Concatenate[HttpRequest, str, P], HttpResponseBase]", guarded)

    return decorate


def _signed_out(request: HttpRequest) -> HttpResponse:
    """A page goes to the sign-in; a script, which would take the sign-in page for its answer, is told."""
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(headers={"HX-Refresh": "true"})
    if not request.accepts("text/html"):
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
    # What was posted is not posted again after signing in, and its address may know no GET.
    return redirect_to_login(request.get_full_path() if request.method == "GET" else reverse("home"))
