from __future__ import annotations

from decimal import Decimal

from django.db import transaction

from accounts.models import User
from detection.models import Policy
from detection.services.realtime_terms import forget_terms
from zhenwen.audit.services import record_event


@transaction.atomic
def change_policy(
    *, organization_id: int, tolerated_fpr: Decimal, retention_days: int | None, changed_by: User | None
) -> Policy:
    """Holds for detections submitted from now on; those that exist keep the rate they were made with."""
    policy, _created = Policy.objects.update_or_create(
        organization_id=organization_id,
        defaults={"tolerated_fpr": tolerated_fpr, "retention_days": retention_days},
    )
    record_event(
        organization_id=organization_id,
        actor=changed_by,
        action="policy.changed",
        detail={"tolerated_fpr": str(tolerated_fpr), "retention_days": retention_days},
    )
    transaction.on_commit(lambda: forget_terms(organization_id=organization_id), robust=True)
    return policy
