from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class ModelVersion(models.Model):
    """A model folder that the platform knows. One is active; a detection keeps the one it was scored with.

    An operator asks for a version (`activating`); the first worker that has loaded it, and seen it score its
    golden set as it must, makes it active, or says why it cannot serve (`failed`). Until then the one before
    stays active. See services/model_versions.py.
    """

    class Status(models.TextChoices):
        STAGED = "staged", _("staged")
        ACTIVATING = "activating", _("activating")
        ACTIVE = "active", _("active")
        RETIRED = "retired", _("retired")
        FAILED = "failed", _("refused")

    name = models.CharField(_("name"), max_length=100)
    digest = models.CharField(_("digest"), max_length=64, unique=True)
    calibration_digest = models.CharField(max_length=64)
    folder = models.CharField(_("folder"), max_length=500)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.STAGED)
    failure_reason = models.TextField(_("why it was refused"), blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(_("activated at"), null=True)

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        constraints = [
            models.UniqueConstraint(
                fields=["status"], condition=Q(status="active"), name="one_active_model_version"
            ),
            models.UniqueConstraint(
                fields=["status"], condition=Q(status="activating"), name="one_activating_model_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.digest[:12]}"
