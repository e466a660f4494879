"""The page behind the link of an invitation; no membership is needed to open it."""

from __future__ import annotations

from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache

from accounts.models import Invitation, User
from accounts.services.invitations import InvitationUnusable, accept_invitation, open_invitation
from accounts.web.forms import NewAccountForm

LOGIN_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Who is signed in accepts; who has an account signs in first; anybody else makes an account here."""
    found = open_invitation(token=token)
    if found is None:
        return _unusable(request)
    if request.user.is_authenticated:
        return _for_user(request, found, request.user)
    if User.objects.filter(email=found.email).exists():
        return redirect(f"{reverse('account_login')}?{urlencode({'next': request.path})}")
    return _for_newcomer(request, found)


def _for_user(request: HttpRequest, found: Invitation, user: User) -> HttpResponse:
    if user.email.lower() != found.email:
        return render(request, "accounts/invitation_other_user.html", {"invitation": found}, status=403)
    if request.method != "POST":
        return render(request, "accounts/invitation.html", {"invitation": found})
    try:
        accept_invitation(invitation=found, user=user)
    except InvitationUnusable:
        return _unusable(request)
    return redirect("documents", slug=found.organization.slug)


def _for_newcomer(request: HttpRequest, found: Invitation) -> HttpResponse:
    form = NewAccountForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "accounts/invitation.html", {"invitation": found, "form": form})
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                found.email, form.cleaned_data["password"], first_name=form.cleaned_data["name"]
            )
            accept_invitation(invitation=found, user=user)
    except InvitationUnusable:
        return _unusable(request)
    login(request, user, backend=LOGIN_BACKEND)
    return redirect("documents", slug=found.organization.slug)


def _unusable(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/invitation_unusable.html", status=404)
