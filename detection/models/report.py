from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from detection.models.detection import Detection
from detection.scoring.types import Verdict
from zhenwen.tenancy.models import TenantModel

VERDICT_LABELS = {
    Verdict.HUMAN: _("Human-written"),
    Verdict.AI: _("AI-generated"),
    Verdict.MIXED: _("Human and AI mixed"),
    Verdict.POLISHED: _("AI-polished"),
    Verdict.INCONCLUSIVE: _("Not enough evidence"),
}


class Report(TenantModel):
    """The outcome of a detection: DetectionResult, field by field. Spans, never the text itself."""

    detection = models.OneToOneField(Detection, on_delete=models.CASCADE, related_name="report")
    verdict = models.CharField(
        _("verdict"),
        max_length=15,
        choices=[(verdict.value, label) for verdict, label in VERDICT_LABELS.items()],
    )
    p_ai = models.FloatField(_("probability of AI"))
    characters = models.PositiveIntegerField(_("characters scored"))
    characters_excluded = models.PositiveIntegerField(_("characters excluded"))
    shares = models.JSONField()  # {verdict: share of scored characters}
    sentences = models.JSONField()  # [{start, end, p_ai, verdict, characters}, …]
    excluded = models.JSONField()  # [{start, end, reason, characters}, …]
    attack_flags = models.JSONField(default=list)  # [{kind, count}, …]
    reasons = models.JSONField(default=list)
    length_band = models.CharField(max_length=20)
    tolerated_fpr = models.FloatField()
    threshold = models.FloatField()
    fpr_upper_bound = models.FloatField()
    calibration_texts = models.PositiveIntegerField()
    model_name = models.CharField(max_length=100)
    model_digest = models.CharField(max_length=64)
    calibration_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("report")

    def __str__(self) -> str:
        return f"{self.detection_id} {self.verdict}"
