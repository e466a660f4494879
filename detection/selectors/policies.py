from __future__ import annotations

from detection.models import Policy


def policy_of(*, organization_id: int) -> Policy:
    """The institution's policy; the default one, unsaved, where it never chose."""
    return Policy.objects.filter(organization_id=organization_id).first() or Policy(
        organization_id=organization_id
    )
