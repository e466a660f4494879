"""Errors as RFC 9457 problem+json: a stable code, a sentence a person understands, and what to do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

CONTENT_TYPE = "application/problem+json"

Words = str | Promise


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of error. `code` and `status` never change once published; the words may."""

    code: str
    status: int
    title: Words
    detail: Words
    action: Words  # what to do


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong in a body or a query. `field` names it: text, items.3.text, created_after."""

    field: str
    code: str
    detail: Words

    def as_dict(self) -> dict[str, str]:
        return {"field": self.field, "code": self.code, "detail": str(self.detail)}


@dataclass
class Problem(Exception):
    """Raised anywhere below a view of the API; becomes the reply."""

    type: ProblemType
    detail: Words = ""
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.type.code


def problem_body(problem: Problem) -> dict[str, Any]:
    kind = problem.type
    body: dict[str, Any] = {
        "type": f"{settings.SITE_URL.rstrip('/')}/api/docs#{kind.code}",
        "title": str(kind.title),
        "status": kind.status,
        "code": kind.code,
        "detail": str(problem.detail or kind.detail),
        "action": str(kind.action),
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
    }
    if problem.errors:
        body["errors"] = [error.as_dict() for error in problem.errors]
    return body | dict(problem.members)


def retry_after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


MALFORMED_BODY = ProblemType(
    "malformed_body",
    400,
    _("The request body cannot be read"),
    _("The body is not what its Content-Type says: broken JSON, broken UTF-8 or a broken form."),
    _("Send valid JSON in UTF-8, or a form made by your HTTP library."),
)
INVALID_QUERY = ProblemType(
    "invalid_query",
    400,
    _("A parameter in the address is not valid"),
    _("One or more query parameters are unknown or have a value that is not allowed."),
    _("Correct the parameters listed in “errors”."),
)
INVALID_CURSOR = ProblemType(
    "invalid_cursor",
    400,
    _("The cursor is not valid"),
    _("The cursor was not given out by this API or was cut short."),
    _("Begin again without a cursor, and pass on “next_cursor” unchanged."),
)
BAD_REQUEST = ProblemType(
    "bad_request",
    400,
    _("The request is not valid"),
    _("The server could not make sense of this request."),
    _("Compare the request with the documentation."),
)
NOT_FOUND = ProblemType(
    "not_found",
    404,
    _("Not found"),
    _("There is nothing at this address, or it does not belong to your organization."),
    _("Check the address and the id. What was deleted does not come back."),
)
METHOD_NOT_ALLOWED = ProblemType(
    "method_not_allowed",
    405,
    _("This address does not know this method"),
    _("The address exists, but not for this HTTP method."),
    _("Use one of the methods in the Allow header."),
)
LENGTH_REQUIRED = ProblemType(
    "length_required",
    411,
    _("The length of the body is missing"),
    _("A body sent in chunks of unknown total length is not accepted."),
    _("Send a Content-Length header."),
)
BODY_TOO_LARGE = ProblemType(
    "body_too_large",
    413,
    _("The request body is too large"),
    _("The body is larger than this address accepts. It was not read."),
    _("Send less at once: one file per call, long texts as a file, many texts in several batches."),
)
UNSUPPORTED_MEDIA_TYPE = ProblemType(
    "unsupported_media_type",
    415,
    _("This Content-Type is not accepted"),
    _("The body has a Content-Type that this address does not read."),
    _("Send application/json, or multipart/form-data where a file is accepted."),
)
INVALID_REQUEST = ProblemType(
    "invalid_request",
    422,
    _("A field is not valid"),
    _("The body can be read, but one or more fields are missing, unknown or not allowed."),
    _("Correct the fields listed in “errors”."),
)
RATE_LIMITED = ProblemType(
    "rate_limited",
    429,
    _("Too many requests"),
    _("This API key or your organization sent more requests than its rate limit allows."),
    _("Wait as long as Retry-After says, then send the request again."),
)
INTERNAL_ERROR = ProblemType(
    "internal_error",
    500,
    _("Something went wrong on our side"),
    _("The error was recorded. Nothing was charged for this request."),
    _("Try again later; if it goes on, tell the operator the request_id."),
)
SERVICE_UNAVAILABLE = ProblemType(
    "service_unavailable",
    503,
    _("The service is not available at the moment"),
    _("A part that this request needs does not answer. Nothing was charged."),
    _("Wait as long as Retry-After says, then send the request again."),
)

GENERAL_PROBLEMS = (
    MALFORMED_BODY,
    INVALID_QUERY,
    INVALID_CURSOR,
    BAD_REQUEST,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    LENGTH_REQUIRED,
    BODY_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    INVALID_REQUEST,
    RATE_LIMITED,
    INTERNAL_ERROR,
    SERVICE_UNAVAILABLE,
)
