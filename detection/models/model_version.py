from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class ModelVersion(models.Model):
    """A model folder that the platform knows. One is active; a detection keeps the one it was scored with."""

    class Status(models.TextChoices):
        STAGED = "staged", _("staged")
        ACTIVE = "active", _("active")
        RETIRED = "retired", _("retired")

    name = models.CharField(_("name"), max_length=100)
    digest = models.CharField(_("digest"), max_length=64, unique=True)
    calibration_digest = models.CharField(max_length=64)
    folder = models.CharField(_("folder"), max_length=500)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.STAGED)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        constraints = [
            models.UniqueConstraint(
                fields=["status"], condition=Q(status="active"), name="one_active_model_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.digest[:12]}"
