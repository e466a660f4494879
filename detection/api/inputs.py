"""What callers send. Unknown fields are refused; texts are taken unchanged."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from detection.scoring.types import Verdict
from detection.states import State
from zhenwen.http.fields import (
    AnyTextField,
    ExactNumberField,
    ExactTextField,
    MomentField,
    StrictSerializer,
    UploadField,
)
from zhenwen.http.pagination import ROWS_AT_MOST, ROWS_BY_DEFAULT

DEADLINE_SECONDS_AT_MOST = 30
TITLE_LENGTH_AT_MOST = 255
EXTERNAL_ID_LENGTH_AT_MOST = 100
TEXTS_IN_A_BATCH_AT_MOST = settings.UPLOAD_FILES_AT_MOST


def title_field() -> ExactTextField:
    return ExactTextField(
        required=False,
        allow_blank=True,
        max_length=TITLE_LENGTH_AT_MOST,
        help_text=_("What lists and reports call it."),
    )


def external_id_field() -> ExactTextField:
    return ExactTextField(
        required=False,
        allow_blank=True,
        max_length=EXTERNAL_ID_LENGTH_AT_MOST,
        help_text=_("Your own id for it; lists can be filtered by it."),
    )


def batch_field() -> serializers.UUIDField:
    return serializers.UUIDField(required=False, help_text=_("A batch of yours that this belongs to."))


class DetectInput(StrictSerializer):
    text = AnyTextField(allow_blank=True, help_text=_("The text, taken exactly as sent."))
    deadline_seconds = ExactNumberField(
        default=float(settings.REALTIME_DEADLINE_SECONDS),
        min_value=0,
        max_value=DEADLINE_SECONDS_AT_MOST,
        help_text=_("How long to wait for the result; after that the reply is 202 with a link."),
    )
    title = title_field()
    external_id = external_id_field()


class TextInput(StrictSerializer):
    text = AnyTextField(allow_blank=True, help_text=_("The text, taken exactly as sent."))
    title = title_field()
    external_id = external_id_field()


class TextSubmissionInput(TextInput):
    batch = batch_field()


class FileSubmissionInput(StrictSerializer):
    file = UploadField(allow_empty_file=True, help_text=_("One .docx, .pdf, .txt or .md file."))
    title = title_field()
    external_id = external_id_field()
    batch = batch_field()


class BatchInput(StrictSerializer):
    name = ExactTextField(
        required=False, allow_blank=True, max_length=200, help_text=_("What lists call it.")
    )
    texts = serializers.ListField(
        child=TextInput(),
        default=list,
        max_length=TEXTS_IN_A_BATCH_AT_MOST,
        error_messages={"not_a_list": _("A JSON array is expected here.")},
        help_text=_("All are accepted or none. Leave it out to open a batch for files."),
    )


class DetectionFilters(StrictSerializer):
    """The query of the list."""

    state = serializers.ChoiceField(choices=State.choices, required=False, help_text=_("Only in this state."))
    verdict = serializers.ChoiceField(
        choices=[verdict.value for verdict in Verdict], required=False, help_text=_("Only with this verdict.")
    )
    external_id = ExactTextField(required=False, max_length=100, help_text=_("Only with this id of yours."))
    batch = serializers.UUIDField(required=False, help_text=_("Only of this batch."))
    created_after = MomentField(
        required=False, help_text=_("Only handed in at this time or later; RFC 3339, with a time zone.")
    )
    created_before = MomentField(
        required=False, help_text=_("Only handed in before this time; RFC 3339, with a time zone.")
    )
    limit = serializers.IntegerField(
        min_value=1, max_value=ROWS_AT_MOST, default=ROWS_BY_DEFAULT, help_text=_("How many at most.")
    )
    cursor = ExactTextField(required=False, max_length=500, help_text=_("“next_cursor” of the page before."))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Filters by row, under the names of the ORM, apart from the position in the list."""
        lookups = {
            "state": "state",
            "verdict": "report__verdict",
            "external_id": "document__external_id",
            "batch": "document__batch_id",
            "created_after": "created_at__gte",
            "created_before": "created_at__lt",
        }
        return {
            "filters": {lookup: attrs[name] for name, lookup in lookups.items() if name in attrs},
            "limit": attrs["limit"],
            "cursor": attrs.get("cursor"),
        }
