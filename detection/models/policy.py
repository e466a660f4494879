from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from zhenwen.tenancy.models import TenantModel


class Policy(TenantModel):
    """How careful an institution wants to be, and how long its texts are kept."""

    class ToleratedFpr(Decimal, models.Choices):
        TENTH_PERCENT = "0.001", "0.1 %"
        HALF_PERCENT = "0.005", "0.5 %"
        ONE_PERCENT = "0.01", "1 %"
        TWO_PERCENT = "0.02", "2 %"

    tolerated_fpr = models.DecimalField(
        _("tolerated false-positive rate"),
        max_digits=5,
        decimal_places=4,
        choices=ToleratedFpr.choices,
        default=Decimal("0.01"),
    )
    # Days that texts and files are kept; 0 keeps nothing but the result, empty keeps everything.
    retention_days = models.PositiveIntegerField(_("days kept"), null=True, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("policy")
        constraints = [
            models.UniqueConstraint(fields=["organization"], name="one_policy_per_organization"),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id}: {self.tolerated_fpr}"
