from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.models import ApiKey
from accounts.permissions import Permission
from accounts.services.api_keys import issue_api_key, revoke_api_key
from accounts.web.access import MemberRequest, member_page
from accounts.web.forms import ApiKeyForm
from accounts.web.shown_once import keep_to_show, take_to_show


@member_page(Permission.MANAGE_API_KEYS)
@never_cache
def api_keys(request: MemberRequest) -> HttpResponse:
    """The list, and the form for a new key, whose secret stands on the one page after it was made."""
    organization = request.membership.organization
    form = ApiKeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():  # what cannot be shown is not made
            issued = issue_api_key(
                organization=organization,
                name=form.cleaned_data["name"],
                created_by=request.user,
                scopes=tuple(form.cleaned_data["scopes"]),
                expires_at=form.expires_at(),
            )
            keep_to_show(request, issued.token, name="api-key")
        return HttpResponseRedirect(request.path, status=303)
    keys = ApiKey.objects.filter(organization=organization).select_related("created_by")
    context = {
        "form": form,
        "token": take_to_show(request, name="api-key"),
        "keys": keys.order_by("revoked_at", "-created_at"),
    }
    return render(request, "accounts/api_keys.html", context)


@member_page(Permission.MANAGE_API_KEYS)
@require_POST
def revoke(request: MemberRequest, key_id: int) -> HttpResponse:
    organization = request.membership.organization
    key = ApiKey.objects.filter(organization=organization, pk=key_id).first()
    if key is None:
        raise Http404
    revoke_api_key(api_key=key, revoked_by=request.user)
    messages.success(request, _("The key %(name)s no longer works.") % {"name": key.name})
    return redirect("api_keys", slug=organization.slug)
