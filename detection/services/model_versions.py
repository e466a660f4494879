"""Register model folders and change the one that serves.

staged | retired | failed ─► activating ─► active ─► retired
                                 └───────► failed
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from detection.models import ModelVersion
from detection.selectors.model_versions import previous_model_version

Status = ModelVersion.Status


class NoPreviousVersion(Exception):
    """No other version has served before."""


def register_model_version(*, name: str, digest: str, calibration_digest: str, folder: str) -> ModelVersion:
    """The version with this digest, made known if it was not; a folder that moved is noted."""
    version, _created = ModelVersion.objects.update_or_create(
        digest=digest,
        defaults={"name": name, "calibration_digest": calibration_digest, "folder": folder},
    )
    return version


@transaction.atomic
def request_activation(*, model_version: ModelVersion) -> None:
    """Ask the warm workers to change to this version; what was asked for before is asked for no more."""
    versions = ModelVersion.objects.select_for_update(no_key=True).order_by("pk")
    for version in versions:
        if version.status == Status.ACTIVATING and version.pk != model_version.pk:
            version.status = Status.RETIRED if version.activated_at else Status.STAGED
            version.save(update_fields=["status"])
    ModelVersion.objects.filter(pk=model_version.pk).exclude(status=Status.ACTIVE).update(
        status=Status.ACTIVATING, failure_reason=""
    )
    model_version.refresh_from_db()


def request_rollback() -> ModelVersion:
    """Ask for the version that served before the active one. Raises NoPreviousVersion."""
    previous = previous_model_version()
    if previous is None:
        raise NoPreviousVersion
    request_activation(model_version=previous)
    return previous


@transaction.atomic
def confirm_activation(*, model_version: ModelVersion) -> bool:
    """A worker serves with it: it is active now, the one before retired.

    False when it is not asked for any more, or another worker found that it must not serve.
    """
    versions = {version.pk: version for version in ModelVersion.objects.select_for_update(no_key=True)}
    status = versions[model_version.pk].status
    if status != Status.ACTIVATING:
        return status == Status.ACTIVE
    ModelVersion.objects.filter(status=Status.ACTIVE).update(status=Status.RETIRED)
    ModelVersion.objects.filter(pk=model_version.pk).update(status=Status.ACTIVE, activated_at=timezone.now())
    return True


def refuse_activation(*, model_version: ModelVersion, reason: str) -> bool:
    """A worker found that it must not serve; False when another worker serves with it already."""
    refused = ModelVersion.objects.filter(pk=model_version.pk, status=Status.ACTIVATING).update(
        status=Status.FAILED, failure_reason=reason
    )
    return bool(refused)
