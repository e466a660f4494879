"""POST /api/v1/detect ahead of Django: most calls are answered with one round trip to Valkey.

What this door decides by itself it answers exactly as the view would: status, headers, body, metrics, request
id and log line. Whatever is not plainly in order (an unknown key, an Idempotency-Key, an odd body, no room, a
server away) goes on to Django untouched, and the view decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import structlog
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.wsgi import WSGIRequest
from django.db import close_old_connections
from django.http import HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.locale import LocaleMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils import translation
from django.utils.log import log_response
from django_prometheus.middleware import PrometheusAfterMiddleware, PrometheusBeforeMiddleware
from django_prometheus.utils import Time
from redis import RedisError
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from accounts.services.api_keys import ApiKeyRefused, Scope, presented_key
from detection.api.access import IDEMPOTENCY_HEADER, remote_address, token_of
from detection.api.inputs import DEADLINE_SECONDS_AT_MOST, EXTERNAL_ID_LENGTH_AT_MOST, TITLE_LENGTH_AT_MOST
from detection.api.problems import problem_for
from detection.api.replies import outcome_reply
from detection.api.views.detect import DetectView
from detection.services import realtime_door as door
from detection.services.realtime import Overloaded, hand_in, new_call, wait_for_answer, written
from detection.services.realtime_calls import RealtimeCall
from detection.services.submission import Submitter
from zhenwen.http import problems
from zhenwen.http.exceptions import problem_response
from zhenwen.http.middleware import preferred_language
from zhenwen.http.parsing import read_json
from zhenwen.http.problems import RATE_LIMITED, Problem
from zhenwen.http.rate_limits import decided
from zhenwen.observability.metrics import REALTIME_CALLS_TOTAL
from zhenwen.observability.middleware import begin_request, end_request

PATH = "/api/v1/detect"
VIEW_NAME = "api:detect"
_FIELDS = frozenset({"text", "title", "external_id", "deadline_seconds"})

StartResponse = Callable[..., Any]
WSGIApplication = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call whose body is in order, with its deadline by the monotonic clock."""

    call: RealtimeCall
    ends_at: float


class FrontDoor:
    def __init__(self, django: WSGIApplication) -> None:
        self._django = django
        self._before = PrometheusBeforeMiddleware(_nothing)
        self._after = PrometheusAfterMiddleware(_nothing)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        response = self._response(environ) if _is_call(environ) else None
        if response is None:
            return self._django(environ, start_response)
        headers = list(response.headers.items())
        start_response(f"{response.status_code} {response.reason_phrase}", headers)
        return [response.content]

    def _response(self, environ: dict[str, Any]) -> HttpResponse | None:
        """None: Django's."""
        started, started_ns = Time(), time.monotonic_ns()
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = BytesIO(body)
        request = WSGIRequest(environ)
        asked = _asked(request, body)
        outcome = _outcome(request, asked) if asked else None
        if asked is None or outcome is None:
            return None
        request_id = begin_request(request)
        structlog.contextvars.bind_contextvars(organization_id=outcome.organization_id)
        language = preferred_language(request.headers.get("Accept-Language", ""))
        with translation.override(language):
            response = _answer(asked, outcome)
        for name, value in _common_headers(language, is_secure=request.is_secure()).items():
            response.headers[name] = value
        response.headers["Content-Length"] = str(len(response.content))
        response.headers["X-Request-Id"] = request_id
        self._count(request, response, started)
        end_request(request, response, started_ns=started_ns)
        return response

    def _count(self, request: WSGIRequest, response: HttpResponse, started: float) -> None:
        """As Django's middlewares would have."""
        request.resolver_match = SimpleNamespace(view_name=VIEW_NAME)  # type: ignore[assignment]
        for middleware in (self._before, self._after):
            middleware.process_request(request)
        self._after.process_view(request, None)
        request.prometheus_before_middleware_event = started  # type: ignore[attr-defined]
        request.prometheus_after_middleware_event = started  # type: ignore[attr-defined]
        for middleware in (self._after, self._before):
            middleware.process_response(request, response)
        if response.status_code >= 400:
            log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request)


def _nothing(_request: object) -> HttpResponse:
    return HttpResponse()


def _is_call(environ: Mapping[str, Any]) -> bool:
    length = environ.get("CONTENT_LENGTH") or ""
    return (
        environ.get("PATH_INFO") == PATH
        and environ.get("REQUEST_METHOD") == "POST"
        and not environ.get("SCRIPT_NAME")
        and not environ.get("QUERY_STRING")
        and "HTTP_TRANSFER_ENCODING" not in environ
        and "HTTP_" + IDEMPOTENCY_HEADER.upper().replace("-", "_") not in environ
        and environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() == "application/json"
        and length.isascii()
        and length.isdecimal()
        and int(length) <= DetectView.body_size_bytes_at_most
    )


def _asked(request: WSGIRequest, body: bytes) -> _Asked | None:
    """The call that the body asks for, if nothing about it needs a second look."""
    try:
        request.get_host()
        fields = read_json(body)
    except (DisallowedHost, ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or not fields.keys() <= _FIELDS:
        return None
    text, title, external_id = fields.get("text"), fields.get("title", ""), fields.get("external_id", "")
    seconds = fields.get("deadline_seconds", float(settings.REALTIME_DEADLINE_SECONDS))
    is_plain = (
        isinstance(text, str)
        and text.strip()
        and _is_text(text, settings.REALTIME_CHARACTERS_AT_MOST)
        and _is_text(title, TITLE_LENGTH_AT_MOST)
        and _is_text(external_id, EXTERNAL_ID_LENGTH_AT_MOST)
        and type(seconds) in (int, float)
        and 0 <= seconds <= DEADLINE_SECONDS_AT_MOST
    )
    if not is_plain:
        return None
    assert isinstance(text, str)  # says is_plain
    ends_at = time.monotonic() + seconds
    call = new_call(text=text, title=title, external_id=external_id, deadline_seconds=seconds)
    return _Asked(call, ends_at)


def _is_text(value: object, length_at_most: int) -> bool:
    if not isinstance(value, str) or len(value) > length_at_most or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _outcome(request: WSGIRequest, asked: _Asked) -> door.Outcome | None:
    token = token_of(request)
    if token is None:
        return None
    try:
        key = presented_key(token)
        outcome = door.ask(
            lookup_id=key.lookup_id,
            digest=key.digest,
            remote_address=remote_address(request),
            scope=Scope.DETECTIONS_WRITE,
            call=asked.call,
            may_wait=asked.call.deadline_at > asked.call.asked_at,
        )
    except (ApiKeyRefused, RedisError):
        return None
    return None if outcome.status == door.UNDECIDED else outcome


def _answer(asked: _Asked, outcome: door.Outcome) -> HttpResponse:
    """In the language that is active."""
    is_admitted = outcome.status != door.RATE_LIMITED
    limits = door.request_limits(organization_id=outcome.organization_id, api_key_id=0)
    limit_headers = decided(limits, outcome.left, admitted=is_admitted).headers
    try:
        response = _rendered(_reply(asked, outcome))
    except Exception as error:
        problem = problem_for(error)
        if problem is None:
            logger.exception("front door failed", error_type=type(error).__name__)
            problem = Problem(problems.INTERNAL_ERROR)
        response = _rendered(problem_response(problem))
    for name, value in limit_headers.items():
        response.headers[name] = value
    return response


def _reply(asked: _Asked, outcome: door.Outcome) -> bytes | Response:
    """The body of a result, or another reply. Raises what the view would raise."""
    call, organization_id = asked.call, outcome.organization_id
    if outcome.status == door.RATE_LIMITED:
        raise Problem(RATE_LIMITED)
    if outcome.status == door.OVERLOADED:
        REALTIME_CALLS_TOTAL.labels("overloaded").inc()
        raise Overloaded(outcome.retry_after_seconds)
    if outcome.status == door.ANSWERED:
        REALTIME_CALLS_TOTAL.labels("cached").inc()
        return written(outcome.template, call)
    template = wait_for_answer(organization_id=organization_id, call=call)
    if template:
        return written(template, call)
    close_old_connections()
    try:
        submitter = Submitter(user=None, label=outcome.label)
        handed_in = hand_in(
            organization_id=organization_id, call=call, submitter=submitter, ends_at=asked.ends_at
        )
        return outcome_reply(handed_in)
    finally:
        close_old_connections()


def _rendered(reply: bytes | Response) -> HttpResponse:
    if isinstance(reply, bytes):
        return HttpResponse(reply, content_type=JSONRenderer.media_type)
    response = HttpResponse(
        JSONRenderer().render(reply.data),
        status=reply.status_code,
        content_type=reply.content_type or JSONRenderer.media_type,
    )
    for name, value in reply.headers.items():
        response.headers.setdefault(name, value)
    return response


@cache
def _common_headers(language: str, *, is_secure: bool) -> dict[str, str]:
    """What Django's middlewares and the view put on every reply to this address."""
    scheme = "https" if is_secure else "http"
    request = WSGIRequest(
        {"REQUEST_METHOD": "POST", "PATH_INFO": PATH, "wsgi.input": BytesIO(), "wsgi.url_scheme": scheme}
    )
    request.is_secure = lambda: is_secure  # type: ignore[method-assign]
    response = HttpResponse()
    with translation.override(language):
        for kind in (CSPMiddleware, XFrameOptionsMiddleware, LocaleMiddleware, SecurityMiddleware):
            kind(_nothing).process_response(request, response)
    del response.headers["Content-Type"]
    return {"Allow": "POST", "Cache-Control": "no-store", **response.headers}
