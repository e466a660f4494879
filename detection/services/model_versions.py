"""Register model folders and choose the one that serves."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from detection.models import ModelVersion


def register_model_version(*, name: str, digest: str, calibration_digest: str, folder: str) -> ModelVersion:
    """The version with this digest, made known if it was not; a folder that moved is noted."""
    version, _created = ModelVersion.objects.update_or_create(
        digest=digest,
        defaults={"name": name, "calibration_digest": calibration_digest, "folder": folder},
    )
    return version


@transaction.atomic
def activate_model_version(*, model_version: ModelVersion) -> None:
    """From now on workers claim detections with this version; the one before is retired."""
    ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVE).exclude(pk=model_version.pk).update(
        status=ModelVersion.Status.RETIRED
    )
    ModelVersion.objects.filter(pk=model_version.pk).update(
        status=ModelVersion.Status.ACTIVE, activated_at=timezone.now()
    )
