from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from zhenwen.tenancy.models import TenantModel


class Allowance(TenantModel):
    """The characters an organization may have analysed in one calendar month.

    A cache of the ledger: used = sum of charges, reserved = reserves − charges − releases of open detections.
    """

    period = models.DateField(_("month"))  # its first day
    granted_characters = models.BigIntegerField(_("granted characters"))
    reserved_characters = models.BigIntegerField(_("reserved characters"), default=0)
    used_characters = models.BigIntegerField(_("used characters"), default=0)

    class Meta(TenantModel.Meta):
        verbose_name = _("allowance")
        verbose_name_plural = _("allowances")
        constraints = [
            models.UniqueConstraint(fields=["organization", "period"], name="one_allowance_per_month"),
            models.UniqueConstraint(fields=["organization", "id"], name="allowance_of_organization"),
            models.CheckConstraint(
                name="allowance_within_grant",
                condition=Q(reserved_characters__gte=0)
                & Q(used_characters__gte=0)
                & Q(granted_characters__gte=F("used_characters") + F("reserved_characters")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.period:%Y-%m}"

    @property
    def remaining_characters(self) -> int:
        return self.granted_characters - self.used_characters - self.reserved_characters


class LedgerEntry(TenantModel):
    """One movement of characters. Append-only; (kind, reference) is unique, so nothing is counted twice."""

    class Kind(models.TextChoices):
        GRANT = "grant", _("grant")
        RESERVE = "reserve", _("reserve")
        CHARGE = "charge", _("charge")
        RELEASE = "release", _("release")
        ADJUST = "adjust", _("adjust")

    allowance = models.ForeignKey(Allowance, on_delete=models.CASCADE, related_name="entries")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    characters = models.BigIntegerField(_("characters"))
    reference = models.CharField(
        _("reference"), max_length=80
    )  # detection:<uuid>, realtime:<…>, allowance:<id>
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "kind", "reference"], name="one_entry_per_kind_and_reference"
            ),
        ]
        indexes = [models.Index(fields=["organization", "-created_at"], name="ledger_newest_first")]

    def __str__(self) -> str:
        return f"{self.kind} {self.characters} {self.reference}"
