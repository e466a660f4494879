"""What a view of the API raised, as the problem that the caller is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import redis
import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions as drf
from rest_framework.response import Response

from zhenwen.http import problems
from zhenwen.http.problems import FieldError, Problem, problem_body, retry_after

RETRY_AFTER_OUTAGE_SECONDS = 5

logger = structlog.get_logger("zhenwen.http")


def problem_exception_handler(exception: Exception, _context: dict[str, Any]) -> Response | None:
    """None for what nobody foresaw: Django then logs it and the middleware says 500."""
    problem = problem_of(exception)
    if problem is None:
        return None
    return problem_response(problem)


def problem_response(problem: Problem) -> Response:
    return Response(
        problem_body(problem),
        status=problem.type.status,
        headers=dict(problem.headers),
        content_type=problems.CONTENT_TYPE,
    )


def problem_of(exception: Exception) -> Problem | None:
    if isinstance(exception, Problem):
        return exception
    if isinstance(exception, drf.ValidationError):
        return Problem(problems.INVALID_REQUEST, errors=tuple(field_errors(exception.detail)))
    if isinstance(exception, drf.MethodNotAllowed):
        return Problem(problems.METHOD_NOT_ALLOWED)
    if isinstance(exception, (OperationalError, InterfaceError, redis.RedisError)):
        logger.error("outage", exc_info=exception)
        return Problem(problems.SERVICE_UNAVAILABLE, headers=retry_after(RETRY_AFTER_OUTAGE_SECONDS))
    for kinds, problem_type in _PLAIN:
        if isinstance(exception, kinds):
            return Problem(problem_type)
    return None


_PLAIN: tuple[tuple[tuple[type[Exception], ...], problems.ProblemType], ...] = (
    ((Http404, drf.NotFound), problems.NOT_FOUND),
    ((drf.UnsupportedMediaType,), problems.UNSUPPORTED_MEDIA_TYPE),
    ((drf.ParseError, UnreadablePostError), problems.MALFORMED_BODY),
    ((RequestDataTooBig,), problems.BODY_TOO_LARGE),
    ((SuspiciousOperation,), problems.BAD_REQUEST),
)


def field_errors(detail: Any, path: str = "") -> Iterator[FieldError]:
    """Flattens DRF's nested error detail; names the way to a field with dots."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            own = str(name) if name != "non_field_errors" else ""
            yield from field_errors(inner, ".".join(part for part in (path, own) if part))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, (dict, list))
            yield from field_errors(inner, f"{path}.{index}" if nested else path)
    else:
        yield FieldError(path, getattr(detail, "code", "invalid"), detail)
