"""The operator's view of the product: versions of the model, and where detections stand. Never their text."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy

from detection.models import Detection, ModelVersion
from detection.services.model_versions import activate_model_version
from zhenwen.tenancy.read_only import ReadOnlyAdmin


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    list_display = ("name", "digest", "status", "activated_at", "folder")
    actions = ("activate",)

    @admin.action(description=gettext_lazy("Serve with this version"))
    def activate(self, request: HttpRequest, chosen: QuerySet[ModelVersion]) -> None:
        version = chosen.first()
        if version is None or chosen.count() != 1:
            self.message_user(request, gettext("Choose exactly one version."), messages.ERROR)
            return
        activate_model_version(model_version=version)
        self.message_user(request, gettext("Workers take this version with their next detection."))


@admin.register(Detection)
class DetectionAdmin(ReadOnlyAdmin):
    list_display = ("id", "organization", "state", "attempt", "priority", "characters", "created_at")
    list_filter = ("state", "priority", "organization")
    date_hierarchy = "created_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("organization")
