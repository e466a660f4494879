"""Ask somebody to join by e-mail address; whoever holds the link in that mail may accept, once."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import Invitation, Membership, Organization, Role, User
from accounts.services.memberships import MembershipRefused, join
from zhenwen.audit.services import record_event

VALID_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class SentInvitation:
    invitation: Invitation
    token: str  # shown once


class InvitationUnusable(Exception):
    """Unknown, expired, accepted before, or meant for somebody else."""


def invite_member(
    *, organization: Organization, email: str, role: str, invited_by: Membership
) -> SentInvitation:
    """A new invitation; an earlier open one to the same address stops working.

    Raises MembershipRefused when another than an owner invites an owner, or for who is a member already.
    """
    if role == Role.OWNER and invited_by.role != Role.OWNER:
        raise MembershipRefused("owners_only")
    if Membership.objects.filter(organization=organization, user__email=email.lower()).exists():
        raise MembershipRefused("already_member")
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        Invitation.objects.filter(organization=organization, email=email.lower(), accepted_at=None).delete()
        invitation = Invitation.objects.create(
            organization=organization,
            email=email.lower(),
            role=role,
            token_digest=_digest(token),
            invited_by=invited_by.user,
            expires_at=timezone.now() + VALID_FOR,
        )
        record_event(
            organization_id=organization.id,
            actor=invited_by.user,
            action="member.invited",
            target=invitation.email,
            detail={"role": role},
        )
    return SentInvitation(invitation=invitation, token=token)


def open_invitation(*, token: str) -> Invitation | None:
    return (
        Invitation.objects.select_related("organization")
        .filter(
            token_digest=_digest(token),
            accepted_at=None,
            expires_at__gt=timezone.now(),
            organization__is_active=True,
        )
        .first()
    )


def withdraw_invitation(*, invitation: Invitation, withdrawn_by: User) -> None:
    deleted, _ = Invitation.objects.filter(pk=invitation.pk, accepted_at=None).delete()
    if deleted:
        record_event(
            organization_id=invitation.organization_id,
            actor=withdrawn_by,
            action="member.invitation_withdrawn",
            target=invitation.email,
        )


@transaction.atomic
def accept_invitation(*, invitation: Invitation, user: User) -> Membership:
    """Raises InvitationUnusable when it is another address's, or somebody was quicker."""
    if user.email.lower() != invitation.email:
        raise InvitationUnusable
    accepted = Invitation.objects.filter(
        pk=invitation.pk, accepted_at=None, expires_at__gt=timezone.now()
    ).update(accepted_at=timezone.now())
    if not accepted:
        raise InvitationUnusable
    membership = join(organization=invitation.organization, user=user, role=invitation.role)
    record_event(
        organization_id=invitation.organization_id,
        actor=user,
        action="member.joined",
        target=user.email,
        detail={"role": membership.role},
    )
    return membership


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
