"""What the OpenAPI description of every operation has in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from detection.api import problems
from detection.api.outputs import ProblemOutput
from zhenwen.http import problems as general
from zhenwen.http.problems import CONTENT_TYPE, ProblemType

_F = TypeVar("_F", bound=Callable[..., Any])

_ALWAYS = (
    problems.API_KEY_MISSING,
    problems.API_KEY_MALFORMED,
    problems.API_KEY_UNKNOWN,
    problems.API_KEY_REVOKED,
    problems.API_KEY_EXPIRED,
    problems.NETWORK_NOT_ALLOWED,
    problems.SCOPE_MISSING,
    general.BAD_REQUEST,
    general.METHOD_NOT_ALLOWED,
    general.RATE_LIMITED,
    general.INTERNAL_ERROR,
    general.SERVICE_UNAVAILABLE,
)
BODY_PROBLEMS = (
    general.MALFORMED_BODY,
    general.LENGTH_REQUIRED,
    general.BODY_TOO_LARGE,
    general.UNSUPPORTED_MEDIA_TYPE,
    general.INVALID_REQUEST,
)
IDEMPOTENCY_PROBLEMS = (
    problems.IDEMPOTENCY_KEY_INVALID,
    problems.IDEMPOTENCY_KEY_RUNNING,
    problems.IDEMPOTENCY_KEY_REUSED,
)
TEXT_PROBLEMS = (problems.EMPTY_TEXT, problems.TEXT_TOO_LONG, problems.ALLOWANCE_EXCEEDED)

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description=_("Repeating the request with the same key returns the first reply. Kept for 24 hours."),
)
_REPLY_HEADERS = [
    OpenApiParameter(
        name, OpenApiTypes.STR, OpenApiParameter.HEADER, description=description, response=statuses
    )
    for name, description, statuses in (
        ("RateLimit-Policy", _("Every rate limit: q requests in w seconds."), [200, 202, 204, 429]),
        ("RateLimit", _("What is left: r requests now, full again in t seconds."), [200, 202, 204, 429]),
        ("Retry-After", _("Seconds to wait before the next try."), [429, 503]),
    )
]
LOCATION = OpenApiParameter(
    "Location",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description=_("Where to ask for the result."),
    response=[202],
)


def described(
    *,
    operation_id: str,
    tag: str,
    summary: Any,
    description: Any,
    request: Any = None,
    responses: dict[int, Any],
    refusals: Iterable[ProblemType] = (),
    parameters: Iterable[Any] = (),
    examples: list[OpenApiExample] | None = None,
) -> Callable[[_F], _F]:
    """extend_schema of an `endpoint`, with the errors, headers and parameters that every operation has."""

    def decorate(method: _F) -> _F:
        extended: _F = extend_schema(
            operation_id=operation_id,
            tags=[tag],
            summary=summary,
            description=description,
            request=request,
            responses={**responses, **_problem_responses((*_ALWAYS, *refusals))},
            parameters=[*parameters, *_REPLY_HEADERS],
            examples=examples,
            extensions={"x-required-scope": method.required_scope},  # type: ignore[attr-defined]
        )(method)
        return extended

    return decorate


def _problem_responses(kinds: Iterable[ProblemType]) -> dict[tuple[int, str], OpenApiResponse]:
    codes: dict[int, list[str]] = {}
    for kind in kinds:
        codes.setdefault(kind.status, []).append(kind.code)
    return {
        (status, CONTENT_TYPE): OpenApiResponse(ProblemOutput, description=", ".join(sorted(codes[status])))
        for status in sorted(codes)
    }
