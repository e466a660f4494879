from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts.models import User
from accounts.selectors.memberships import organizations_of


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """To the documents of the user's first organization."""
    organization = organizations_of(user=cast("User", request.user)).first()
    if organization is None:
        return render(request, "accounts/no_organization.html")
    return redirect("documents", slug=organization.slug)
