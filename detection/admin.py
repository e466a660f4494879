"""The operator's view of the product: versions of the model, and where detections stand. Never their text."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_lazy, gettext_noop
from django.views.decorators.http import require_POST

from detection.models import Detection, ModelVersion
from detection.selectors.model_versions import (
    active_model_version,
    previous_model_version,
    warm_workers,
)
from detection.services.model_versions import NoPreviousVersion, request_activation, request_rollback
from zhenwen.jobs.presence import LiveWorker
from zhenwen.tenancy.read_only import ReadOnlyAdmin

_ASKED = gettext_noop(
    "The workers load %(version)s and check it; until it has passed, the one before goes on serving."
)


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """Versions change by a page that asks once more, or by going back to the one before."""

    list_display = ("name", "short_digest", "status", "workers", "failure_reason", "activated_at", "change")
    list_display_links = ("short_digest",)
    ordering = ("-created_at",)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/activate/", wrap(self.activate_view), name="detection_modelversion_activate"),
            path(
                "roll-back/",
                wrap(require_POST(self.rollback_view)),
                name="detection_modelversion_rollback",
            ),
            *super().get_urls(),
        ]

    @admin.display(description=gettext_lazy("digest"), ordering="digest")
    def short_digest(self, version: ModelVersion) -> str:
        return version.digest[:12]

    @admin.display(description=gettext_lazy("workers"))
    def workers(self, version: ModelVersion) -> str:
        said = (_words(worker, version) for worker in warm_workers())
        return (
            format_html("<br>".join(["{}"] * len(words)), *words) if (words := [*filter(None, said)]) else "–"
        )

    @admin.display(description="")
    def change(self, version: ModelVersion) -> str:
        if version.status in (ModelVersion.Status.ACTIVE, ModelVersion.Status.ACTIVATING):
            return ""
        address = reverse("admin:detection_modelversion_activate", args=[version.pk])
        return format_html('<a href="{}">{}</a>', address, gettext("Serve with this version"))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"previous": previous_model_version() if self._may_change(request) else None}
        return super().changelist_view(request, {**(extra_context or {}), **context})

    def activate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        version = get_object_or_404(ModelVersion, pk=pk)
        if not self._may_change(request):
            raise PermissionDenied
        if request.method != "POST":
            context = {
                **self.admin_site.each_context(request),
                "title": gettext("Serve with this version"),
                "opts": self.opts,
                "version": version,
                "active": active_model_version(),
                "workers": warm_workers(),
            }
            return TemplateResponse(request, "admin/detection/modelversion/activate.html", context)
        request_activation(model_version=version)
        return self._asked(request, version)

    def rollback_view(self, request: HttpRequest) -> HttpResponse:
        if not self._may_change(request):
            raise PermissionDenied
        try:
            return self._asked(request, request_rollback())
        except NoPreviousVersion:
            self.message_user(request, gettext("No other version has served before."), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:detection_modelversion_changelist"))

    def _asked(self, request: HttpRequest, version: ModelVersion) -> HttpResponse:
        self.log_change(request, version, "asked for activation")
        self.message_user(
            request,
            gettext(_ASKED) % {"version": version},
        )
        return HttpResponseRedirect(reverse("admin:detection_modelversion_changelist"))

    def _may_change(self, request: HttpRequest) -> bool:
        return request.user.has_perm("detection.change_modelversion")


@admin.register(Detection)
class DetectionAdmin(ReadOnlyAdmin):
    list_display = ("id", "organization", "state", "attempt", "priority", "characters", "created_at")
    list_filter = ("state", "priority", "organization")
    date_hierarchy = "created_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("organization")


def _words(worker: LiveWorker, version: ModelVersion) -> str:
    """What a worker has to do with a version; empty if nothing."""
    name = f"{worker.queue} {worker.name}"
    if worker.says.get("digest") == version.digest:
        return f"{name} ({worker.says['backend']})"
    if worker.says.get("loading") == version.digest:
        return gettext("%(worker)s is loading it") % {"worker": name}
    if worker.says.get("refused") == version.digest:
        reason = worker.says["reason"]
        return gettext("%(worker)s refuses it: %(reason)s") % {"worker": name, "reason": reason}
    return ""
