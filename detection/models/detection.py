from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from detection.models.document import Document
from detection.models.model_version import ModelVersion
from detection.states import State
from zhenwen.tenancy.models import TenantModel


class Priority(models.TextChoices):
    """The pool of warm workers that scores it."""

    REALTIME = "realtime", _("realtime")
    DOCUMENTS = "documents", _("documents")


class Detection(TenantModel):
    """One run of one model version over one document. The row is the truth, a queue message a wake-up.

    Every transition compares (state, attempt) before it swaps: a worker that lost its lease cannot finish.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="detections")
    state = models.CharField(_("state"), max_length=20, choices=State)
    priority = models.CharField(_("priority"), max_length=10, choices=Priority, default=Priority.DOCUMENTS)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1)
    lease_expires_at = models.DateTimeField(null=True)
    run_after = models.DateTimeField(null=True)
    waiting_since = models.DateTimeField(default=timezone.now)  # for a worker, in the state it waits in
    claimed_at = models.DateTimeField(null=True)  # when a worker last took it
    error_code = models.CharField(_("error"), max_length=40, blank=True)
    error_parameters = models.JSONField(default=dict, blank=True)  # numbers for the error's sentences
    characters = models.PositiveIntegerField(_("characters"), null=True)  # fixed once the text is known
    segments_scored = models.PositiveIntegerField(default=0)
    segments_total = models.PositiveIntegerField(null=True)
    tolerated_fpr = models.DecimalField(_("tolerated false-positive rate"), max_digits=5, decimal_places=4)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, null=True, related_name="+")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_by_label = models.CharField(_("created by"), max_length=254, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("detection")
        verbose_name_plural = _("detections")
        constraints = [
            models.UniqueConstraint(fields=["organization", "id"], name="detection_of_organization"),
            models.CheckConstraint(
                name="detection_state_is_known", condition=Q(state__in=[state.value for state in State])
            ),
            models.CheckConstraint(
                name="detection_failed_says_why", condition=~Q(state="failed") | ~Q(error_code="")
            ),
            models.CheckConstraint(
                name="detection_lease_while_working",
                condition=Q(state__in=["extracting", "scoring"], lease_expires_at__isnull=False)
                | ~Q(state__in=["extracting", "scoring"]),
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-created_at", "-id"], name="detection_newest_first"),
            models.Index(
                fields=["state", "lease_expires_at"],
                name="detection_open",
                condition=~Q(state__in=["succeeded", "failed", "cancelled"]),
            ),
            # Whose turn it is: see services/claiming.py.
            models.Index(
                fields=["state", "priority", "organization", "waiting_since"],
                name="detection_waiting",
                condition=Q(state__in=["queued", "queued_for_scoring"]),
            ),
            models.Index(
                fields=["organization", "-claimed_at"],
                name="detection_claimed",
                condition=Q(claimed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.state}"

    @property
    def ledger_reference(self) -> str:
        return f"detection:{self.id}"

    @property
    def is_open(self) -> bool:
        return self.state not in (State.SUCCEEDED, State.FAILED, State.CANCELLED)
