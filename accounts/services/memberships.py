"""Who belongs to an organization, and as what."""

from __future__ import annotations

from django.db import transaction

from accounts.models import Membership, Organization, Role, User
from zhenwen.audit.services import record_event


class MembershipRefused(Exception):
    """`code` says why: last_owner, owners_only, already_member."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@transaction.atomic
def change_role(*, membership: Membership, role: str, changed_by: Membership) -> None:
    """Raises MembershipRefused where nobody would own the organization, or a non-owner decides on owners."""
    _refuse_unless_allowed(membership=membership, new_role=role, changed_by=changed_by)
    before = membership.role
    Membership.objects.filter(pk=membership.pk).update(role=role)
    record_event(
        organization_id=membership.organization_id,
        actor=changed_by.user,
        action="member.role_changed",
        target=membership.user.email,
        detail={"from": before, "to": role},
    )


@transaction.atomic
def remove_member(*, membership: Membership, removed_by: Membership) -> None:
    """Raises MembershipRefused like change_role. The person's account stays."""
    _refuse_unless_allowed(membership=membership, new_role=None, changed_by=removed_by)
    membership.delete()
    record_event(
        organization_id=membership.organization_id,
        actor=removed_by.user,
        action="member.removed",
        target=membership.user.email,
    )


def _refuse_unless_allowed(*, membership: Membership, new_role: str | None, changed_by: Membership) -> None:
    if Role.OWNER in (membership.role, new_role) and changed_by.role != Role.OWNER:
        raise MembershipRefused("owners_only")
    # The lock makes two owners who demote each other take turns.
    Organization.objects.select_for_update(no_key=True).get(pk=membership.organization_id)
    owners = Membership.objects.filter(organization_id=membership.organization_id, role=Role.OWNER)
    if new_role != Role.OWNER and not owners.exclude(pk=membership.pk).exists():
        raise MembershipRefused("last_owner")


def join(*, organization: Organization, user: User, role: str) -> Membership:
    """The user's membership; who is a member already keeps the role they have."""
    membership, _created = Membership.objects.get_or_create(
        organization=organization, user=user, defaults={"role": role}
    )
    return membership
