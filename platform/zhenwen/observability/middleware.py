"""A name for each request, in the reply and in every log line; one line when it ends."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

_SAFE = re.compile(r"[A-Za-z0-9_-]{8,64}")
_QUIET = ("/livez", "/readyz", "/health", "/metrics", "/static/")

logger = structlog.get_logger("zhenwen.request")


class RequestIdMiddleware:
    """Takes a well-formed X-Request-Id from the caller, or makes one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = begin_request(request.headers.get("X-Request-Id", ""))
        started_ns = time.monotonic_ns()
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        end_request(
            method=str(request.method),
            path=request.path,
            status=response.status_code,
            duration_ns=time.monotonic_ns() - started_ns,
        )
        return response


def begin_request(given: str, **known: object) -> str:
    """Name the request, for all that is logged from here on, and say what else is known of it."""
    request_id = given if _SAFE.fullmatch(given) else secrets.token_hex(16)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id, **known)
    return request_id


def end_request(*, method: str, path: str, status: int, duration_ns: int) -> None:
    """The line that tells of it."""
    if logger.isEnabledFor(logging.INFO) and not path.startswith(_QUIET):
        # The path without its query: a search may quote a text.
        logger.info("request", method=method, path=path, status=status, duration_ns=duration_ns)
