"""The base of every table that belongs to one organization."""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.db import models

from zhenwen.tenancy.scope import current_organization_id


class TenantManager(models.Manager[Any]):
    """Rows of the current scope only; raises TenantNotSet outside one."""

    def get_queryset(self) -> models.QuerySet[Any]:
        organization_id = current_organization_id()
        rows = super().get_queryset()
        return rows if organization_id is None else rows.filter(organization_id=organization_id)


class TenantModel(models.Model):
    organization = models.ForeignKey(settings.TENANT_MODEL, on_delete=models.CASCADE, related_name="+")
    organization_id: int

    objects = TenantManager()
    # For Django's own machinery (relations, serialisation). Row-level security still holds.
    all_tenants: models.Manager[Self] = models.Manager()

    class Meta:
        abstract = True
        base_manager_name = "all_tenants"
