from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.core.mail import send_mail
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.models import Invitation, Membership
from accounts.permissions import Permission
from accounts.selectors.memberships import members_of
from accounts.services.invitations import SentInvitation, invite_member, withdraw_invitation
from accounts.services.memberships import MembershipRefused, change_role, remove_member
from accounts.web.access import MemberRequest, member_page
from accounts.web.forms import InvitationForm, RoleForm
from accounts.web.shown_once import keep_to_show, take_to_show


@member_page(Permission.MANAGE_MEMBERS)
@never_cache
def members(request: MemberRequest) -> HttpResponse:
    """The list, and the form that invites. A link stands in the mail and on the one page after."""
    organization = request.membership.organization
    form = InvitationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            sent = invite_member(
                organization=organization,
                email=form.cleaned_data["email"],
                role=form.cleaned_data["role"],
                invited_by=request.membership,
            )
        except MembershipRefused as refusal:
            form.add_error("email" if refusal.code == "already_member" else "role", _refusal(refusal))
        else:
            keep_to_show(request, _mail(sent), name="invitation")
            return HttpResponseRedirect(request.path, status=303)
    context = {
        "form": form,
        "link": take_to_show(request, name="invitation"),
        "members": members_of(organization=organization),
        "invitations": Invitation.objects.filter(
            organization=organization, accepted_at=None, expires_at__gt=timezone.now()
        ).order_by("email"),
        "roles": RoleForm.base_fields["role"].choices,  # type: ignore[attr-defined]
    }
    return render(request, "accounts/members.html", context)


@member_page(Permission.MANAGE_MEMBERS)
@require_POST
def change(request: MemberRequest, membership_id: int) -> HttpResponse:
    form = RoleForm(request.POST)
    if not form.is_valid():
        raise Http404
    membership = _member(request, membership_id)
    role = form.cleaned_data["role"]
    return _do(
        request,
        lambda: change_role(membership=membership, role=role, changed_by=request.membership),
        _("The role of %(email)s has been changed.") % {"email": membership.user.email},
    )


@member_page(Permission.MANAGE_MEMBERS)
@require_POST
def remove(request: MemberRequest, membership_id: int) -> HttpResponse:
    membership = _member(request, membership_id)
    return _do(
        request,
        lambda: remove_member(membership=membership, removed_by=request.membership),
        _("%(email)s is no longer a member.") % {"email": membership.user.email},
    )


@member_page(Permission.MANAGE_MEMBERS)
@require_POST
def withdraw(request: MemberRequest, invitation_id: int) -> HttpResponse:
    organization = request.membership.organization
    invitation = Invitation.objects.filter(organization=organization, pk=invitation_id).first()
    if invitation is None:
        raise Http404
    withdraw_invitation(invitation=invitation, withdrawn_by=request.user)
    messages.success(request, _("The invitation of %(email)s is withdrawn.") % {"email": invitation.email})
    return redirect("members", slug=organization.slug)


def _member(request: MemberRequest, membership_id: int) -> Membership:
    membership = members_of(organization=request.membership.organization).filter(pk=membership_id).first()
    if membership is None:
        raise Http404
    return membership


def _do(request: MemberRequest, action: Callable[[], None], done: str) -> HttpResponse:
    try:
        action()
    except MembershipRefused as refusal:
        messages.error(request, _refusal(refusal))
    else:
        messages.success(request, done)
    # Who has just given up the right to manage members is better off at home.
    membership = Membership.objects.filter(pk=request.membership.pk).first()
    if membership is None or membership.role != request.membership.role:
        return redirect("home")
    return redirect("members", slug=request.membership.organization.slug)


def _refusal(refusal: MembershipRefused) -> str:
    return {
        "owners_only": _("Only an owner may decide who is an owner."),
        "last_owner": _("An institution needs at least one owner. Make somebody else an owner first."),
        "already_member": _("This person is a member already. Change their role above."),
    }[refusal.code]


def _mail(sent: SentInvitation) -> str:
    """Sends the link, and returns it: not every institution has a mail server for this."""
    link = settings.SITE_URL.rstrip("/") + reverse("invitation", args=[sent.token])
    context = {"invitation": sent.invitation, "link": link}
    send_mail(
        subject=_("Invitation to %(organization)s") % {"organization": sent.invitation.organization.name},
        message=render_to_string("accounts/invitation_mail.txt", context),
        from_email=None,
        recipient_list=[sent.invitation.email],
        fail_silently=True,
    )
    return link
