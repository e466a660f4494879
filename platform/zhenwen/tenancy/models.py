"""The base of every table that belongs to one organization."""

from __future__ import annotations

from typing import TypeVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from zhenwen.tenancy.scope import current_organization_id

_Row = TypeVar("_Row", bound=models.Model)


class TenantManager(models.Manager[_Row]):
    """Rows of the current scope only; raises TenantNotSet outside one."""

    def get_queryset(self) -> models.QuerySet[_Row]:
        organization_id = current_organization_id()
        rows = super().get_queryset()
        return rows if organization_id is None else rows.filter(organization_id=organization_id)


class TenantModel(models.Model):
    organization = models.ForeignKey(
        settings.TENANT_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("organization")
    )

    objects = TenantManager()
    # For Django's own machinery (relations, serialisation). Row-level security still holds.
    all_tenants = models.Manager()  # noqa: DJ012 - a manager too

    class Meta:
        abstract = True
        base_manager_name = "all_tenants"
