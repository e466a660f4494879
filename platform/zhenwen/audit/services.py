from __future__ import annotations

from typing import Any

from zhenwen.audit.models import AuditEvent
from zhenwen.tenancy.scope import tenant_scope


def record_event(
    *,
    organization_id: int,
    actor: Any,
    action: str,
    target: str = "",
    actor_label: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """One append-only row; `actor` is a user or None, `actor_label` names an API key or a process."""
    with tenant_scope(organization_id):
        AuditEvent.objects.create(
            organization_id=organization_id,
            actor=actor,
            actor_label=actor_label or (actor.email if actor else "system"),
            action=action,
            target=target[:254],
            detail=detail or {},
        )
