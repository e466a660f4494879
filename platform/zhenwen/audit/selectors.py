from __future__ import annotations

from django.db.models import QuerySet

from zhenwen.audit.models import AuditEvent


def newest_events(*, organization_id: int) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(organization_id=organization_id).order_by("-created_at", "-id")
