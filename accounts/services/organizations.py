from __future__ import annotations

from django.db import transaction

from accounts.models import Membership, Organization, Role, User
from zhenwen.audit.services import record_event
from zhenwen.ledger.services import open_allowance
from zhenwen.tenancy.scope import tenant_scope


@transaction.atomic
def create_organization(*, name: str, slug: str, owner: User, granted_characters: int) -> Organization:
    """A new tenant with its first owner and this month's allowance of characters."""
    organization = Organization.objects.create(name=name, slug=slug)
    Membership.objects.create(organization=organization, user=owner, role=Role.OWNER)
    open_organization(organization=organization, granted_characters=granted_characters, opened_by=owner)
    return organization


@transaction.atomic
def open_organization(*, organization: Organization, granted_characters: int, opened_by: User) -> None:
    """What a new tenant needs to work: this month's allowance, which later months repeat."""
    with tenant_scope(organization.id):
        open_allowance(organization_id=organization.id, granted_characters=granted_characters)
        record_event(
            organization_id=organization.id,
            actor=opened_by,
            action="organization.created",
            target=organization.slug,
        )


def add_member(*, organization: Organization, user: User, role: str, added_by: User | None) -> Membership:
    """Raises IntegrityError when the user is a member already."""
    membership = Membership.objects.create(organization=organization, user=user, role=role)
    with tenant_scope(organization.id):
        record_event(
            organization_id=organization.id,
            actor=added_by,
            action="member.added",
            target=user.email,
            detail={"role": role},
        )
    return membership
