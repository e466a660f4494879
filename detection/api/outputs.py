"""What callers get: the shapes that detection.reports.payload and the views reply with, for the schema.

The tests hold every reply against the schema made from these.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.drainage import set_override
from rest_framework import serializers

from detection.models import ModelVersion
from detection.models.document import Document
from detection.scoring.types import BlockKind, Verdict
from detection.states import State

VERDICTS = [verdict.value for verdict in Verdict]


class Output(serializers.Serializer[Any]):
    # The schema shows docstrings to callers, so this is a comment: shapes are known to it without the ending.

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        set_override(cls, "component_name", cls.__name__.removesuffix("Output"))


class SentenceOutput(Output):
    start = serializers.IntegerField(help_text=_("First code point, from 0."))
    end = serializers.IntegerField(help_text=_("Code point after the last."))
    p_ai = serializers.FloatField(help_text=_("Probability that a model wrote this sentence, 0 to 1."))
    verdict = serializers.ChoiceField(choices=VERDICTS)
    characters = serializers.IntegerField(help_text=_("Characters of it that were scored."))


class ExcludedOutput(Output):
    start = serializers.IntegerField(help_text=_("First code point, from 0."))
    end = serializers.IntegerField(help_text=_("Code point after the last."))
    reason = serializers.ChoiceField(
        choices=[kind.value for kind in BlockKind], help_text=_("Why it is not the author's prose.")
    )
    characters = serializers.IntegerField(help_text=_("Characters left out, white space aside."))


class AttackFlagOutput(Output):
    kind = serializers.CharField(
        help_text=_("zero_width, homoglyph, bidi_control, spaced_characters: what was undone before scoring.")
    )
    count = serializers.IntegerField()


class ModelOutput(Output):
    name = serializers.CharField()
    digest = serializers.CharField(help_text=_("SHA-256 that names exactly this model."))
    calibration_digest = serializers.CharField(help_text=_("SHA-256 of the thresholds in force."))


class ResultSummaryOutput(Output):
    verdict = serializers.ChoiceField(
        choices=VERDICTS,
        help_text=_("inconclusive means: not enough evidence. It never means a little guilty."),
    )
    p_ai = serializers.FloatField(
        help_text=_(
            "Calibrated probability that a model wrote the text, 0 to 1. Where nothing was scored, see "
            "“reasons”, it is 0.5 and means nothing."
        )
    )
    characters = serializers.IntegerField(help_text=_("Characters scored."))
    characters_excluded = serializers.IntegerField(help_text=_("Characters left out, see “excluded”."))
    shares = serializers.DictField(
        child=serializers.FloatField(), help_text=_("Share of the scored characters by verdict; sums to 1.")
    )
    attack_flags = AttackFlagOutput(many=True, help_text=_("Manipulations that look deliberate."))
    reasons = serializers.ListField(
        child=serializers.CharField(), help_text=_("Why it is inconclusive: too_short, between_thresholds, …")
    )
    length_band = serializers.CharField(
        help_text=_("Texts of this length were used to set the threshold; after `legal `, legal texts of it.")
    )
    tolerated_fpr = serializers.FloatField(
        help_text=_("The false-positive rate your organization tolerates.")
    )
    threshold = serializers.FloatField(help_text=_("Only above this p_ai can the verdict be ai or mixed."))
    fpr_upper_bound = serializers.FloatField(
        help_text=_("95 % upper bound of the false-positive rate at this threshold.")
    )
    calibration_texts = serializers.IntegerField(
        help_text=_("How many human texts are behind the threshold.")
    )
    model = ModelOutput()
    notice = serializers.CharField(help_text=_("What to tell whoever reads the result."))


class ResultOutput(ResultSummaryOutput):
    sentences = SentenceOutput(
        many=True, help_text=_("Offsets count Unicode code points of the text as sent.")
    )
    excluded = ExcludedOutput(many=True, help_text=_("What was not scored, and why."))


class DocumentOutput(Output):
    id = serializers.UUIDField()
    title = serializers.CharField()
    filename = serializers.CharField(help_text=_("Empty for a text."))
    source = serializers.ChoiceField(choices=Document.Source.values)  # type: ignore[assignment] # a field, not the option
    external_id = serializers.CharField(help_text=_("Your own id, empty when none was given."))


class FailureOutput(Output):
    code = serializers.CharField(help_text=_("Stable; every code is in the documentation."))
    title = serializers.CharField()
    detail = serializers.CharField(help_text=_("What happened and what to do."))


class DetectionStateOutput(Output):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=State.values)
    document = DocumentOutput()
    characters = serializers.IntegerField(
        allow_null=True,
        help_text=_(
            "Characters counted; null until a file has been read. Charged unless nothing was scored, see "
            "“reasons”."
        ),
    )
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    error = FailureOutput(allow_null=True, help_text=_("Why it failed."))
    progress = serializers.FloatField(help_text=_("0 to 1."))


class DetectionOutput(DetectionStateOutput):
    result = ResultOutput(allow_null=True, help_text=_("Null until it has succeeded."))


class DetectionSummaryOutput(DetectionStateOutput):
    result = ResultSummaryOutput(
        allow_null=True, help_text=_("Without the spans, which reading the one detection gives.")
    )


class DetectionPageOutput(Output):
    detections = DetectionSummaryOutput(many=True, help_text=_("Newest first."))
    next_cursor = serializers.CharField(allow_null=True, help_text=_("Null on the last page."))


class BatchOutput(Output):
    id = serializers.UUIDField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    detections = DetectionOutput(many=True, help_text=_("In the order of the texts."))


class ModelVersionOutput(ModelOutput):
    status = serializers.ChoiceField(
        choices=[ModelVersion.Status.ACTIVE.value, ModelVersion.Status.RETIRED.value],
        help_text=_("active: scores what is handed in now. retired: named by older results."),
    )
    activated_at = serializers.DateTimeField(allow_null=True)


class ModelsOutput(Output):
    models = ModelVersionOutput(many=True, help_text=_("The active one first."))


class UsageOutput(Output):
    period = serializers.CharField(help_text=_("The month, as 2026-11."))
    granted_characters = serializers.IntegerField()
    used_characters = serializers.IntegerField()
    reserved_characters = serializers.IntegerField(help_text=_("Of detections that are not finished."))
    remaining_characters = serializers.IntegerField()


class FieldErrorOutput(Output):
    field = serializers.CharField(help_text=_("The way to it: text, texts.3.title, created_after."))
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemOutput(Output):
    type = serializers.URLField(help_text=_("Where the documentation explains this code."))
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text=_("Stable: write programs against this."))
    detail = serializers.CharField(help_text=_("A sentence for people."))
    action = serializers.CharField(help_text=_("What to do."))
    request_id = serializers.CharField(help_text=_("Names this request in our logs."))
    errors = FieldErrorOutput(many=True, required=False)  # type: ignore[assignment] # a field, not the property
    asked_characters = serializers.IntegerField(required=False, help_text=_("With allowance_exceeded."))
    remaining_characters = serializers.IntegerField(required=False, help_text=_("With allowance_exceeded."))
    required_scope = serializers.CharField(required=False, help_text=_("With scope_missing."))
    limit_characters = serializers.IntegerField(required=False, help_text=_("With too_long."))
    limit_megabytes = serializers.IntegerField(required=False, help_text=_("With too_large."))
    size_bytes_at_most = serializers.IntegerField(required=False, help_text=_("With body_too_large."))
