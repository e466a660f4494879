from __future__ import annotations

from django.db.models import QuerySet

from detection.models import ModelVersion
from zhenwen.jobs.presence import LiveWorker, live_workers
from zhenwen.jobs.queues import DOCUMENTS, REALTIME


def active_model_version() -> ModelVersion | None:
    return ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVE).first()


def activating_model_version() -> ModelVersion | None:
    """The one that an operator has asked for and no worker has taken up yet."""
    return ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVATING).first()


def previous_model_version() -> ModelVersion | None:
    """The one that served before the active one."""
    return (
        ModelVersion.objects.filter(status=ModelVersion.Status.RETIRED, activated_at__isnull=False)
        .order_by("-activated_at")
        .first()
    )


def model_versions() -> QuerySet[ModelVersion]:
    return ModelVersion.objects.order_by("-created_at")


def warm_workers() -> list[LiveWorker]:
    return [*live_workers(REALTIME), *live_workers(DOCUMENTS)]


def workers_without(model_version: ModelVersion) -> list[LiveWorker]:
    """Living warm workers that, by what they said last, do not serve with this version."""
    return [worker for worker in warm_workers() if worker.says.get("digest") != model_version.digest]
