"""Serializer parts that take what is sent as it is, or refuse it by name."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, TypeVar

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from zhenwen.http import problems
from zhenwen.http.exceptions import field_errors
from zhenwen.http.problems import FieldError, Problem


class ExactTextField(serializers.CharField):
    """A JSON string, unchanged: no trimming, no numbers taken for text.

    NUL and lone surrogates, which no database of text can keep, are refused by name.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class AnyTextField(ExactTextField):
    """A text of whatever code points, for a service that makes room for all of them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators = []


@extend_schema_field(OpenApiTypes.BINARY)
class UploadField(serializers.FileField):
    """A file as a form carries it."""


class ExactNumberField(serializers.FloatField):
    """A JSON number; neither text nor true nor too large to be finite."""

    def to_internal_value(self, data: Any) -> float:
        if not isinstance(data, int | float) or isinstance(data, bool):
            self.fail("invalid")
        number = super().to_internal_value(data)
        if not math.isfinite(number):
            self.fail("invalid")
        return number


class MomentField(serializers.DateTimeField):
    """A time with its zone: without one, caller and server would each think of their own."""

    default_error_messages = {"no_zone": _("Give the time zone, too, as in 2026-09-01T00:00:00+08:00.")}

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("no_zone")
        return super().enforce_timezone(value)


class StrictSerializer(serializers.Serializer[Any]):
    # Refuses fields it does not know: a misspelt option must not be silently ignored. (A comment, because the
    # schema shows docstrings to callers.)
    default_error_messages = {"invalid": _("A JSON object is expected here.")}

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if not unknown:
            return super().to_internal_value(data)
        error = serializers.ErrorDetail(str(_("There is no such field.")), "unknown_field")
        errors: dict[str, Any] = dict.fromkeys(unknown, error)
        try:
            super().to_internal_value(data)
        except serializers.ValidationError as wrong:
            raise serializers.ValidationError({**wrong.detail, **errors}) from wrong  # type: ignore[dict-item]
        raise serializers.ValidationError(errors)


_Input = TypeVar("_Input", bound=StrictSerializer)


def read_body(kind: type[_Input], request: Request) -> dict[str, Any]:
    """What the body says. Raises Problem(invalid_request)."""
    data = request.data
    fields = _single_values(data, problems.INVALID_REQUEST) if isinstance(data, QueryDict) else data
    return _validated(kind(data=fields), problems.INVALID_REQUEST)


def read_query(kind: type[_Input], request: Request) -> dict[str, Any]:
    """What the query says. Raises Problem(invalid_query)."""
    query = _single_values(request.query_params, problems.INVALID_QUERY)
    return _validated(kind(data=query), problems.INVALID_QUERY)


def _validated(serializer: StrictSerializer, problem_type: problems.ProblemType) -> dict[str, Any]:
    if not serializer.is_valid():
        raise Problem(problem_type, errors=tuple(field_errors(serializer.errors)))
    validated: dict[str, Any] = serializer.validated_data
    return validated


def _single_values(values: QueryDict, problem_type: problems.ProblemType) -> dict[str, Any]:
    repeated = [name for name, given in values.lists() if len(given) > 1]
    if repeated:
        errors = [FieldError(name, "repeated", _("Give this once only.")) for name in repeated]
        raise Problem(problem_type, errors=errors)
    return values.dict()
