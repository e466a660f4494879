from __future__ import annotations

from django.db.models import QuerySet

from accounts.models import Membership, Organization, User


def membership_of(*, user: User, slug: str) -> Membership | None:
    """The user's membership of the active organization at this address, or None."""
    return (
        Membership.objects.select_related("organization", "user")
        .filter(user=user, organization__slug=slug, organization__is_active=True)
        .first()
    )


def organizations_of(*, user: User) -> QuerySet[Organization]:
    return Organization.objects.filter(memberships__user=user, is_active=True).order_by("name")


def members_of(*, organization: Organization) -> QuerySet[Membership]:
    return Membership.objects.select_related("user").filter(organization=organization).order_by("user__email")
