"""Replies to /api/v1/detect as bytes, like those that Django's middlewares have gone through."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from io import BytesIO

from csp.middleware import CSPMiddleware
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.locale import LocaleMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils import translation
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from detection.api.detect_call import PATH

# Not sent, since nobody is there: how the log and the metrics call it.
CLIENT_GONE = 499

SentHeaders = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes = b""
    content_type: str = JSONRenderer.media_type
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        return "Client Gone" if self.status == CLIENT_GONE else HTTPStatus(self.status).phrase

    def sent(self, common: SentHeaders) -> SentHeaders:
        own = [
            (b"content-type", self.content_type.encode("latin-1")),
            (b"content-length", str(len(self.body)).encode()),
        ]
        said = [(name.lower().encode(), value.encode("latin-1")) for name, value in self.headers.items()]
        return [*common, *own, *said]

    def as_response(self) -> HttpResponse:
        """For Django's log."""
        return HttpResponse(status=self.status, reason=self.reason)


def rendered(response: Response) -> Reply:
    return Reply(
        response.status_code,
        JSONRenderer().render(response.data),
        response.content_type or JSONRenderer.media_type,
        {name: value for name, value in response.headers.items() if name != "Content-Type"},
    )


@cache
def common_headers(language: str, *, is_secure: bool) -> SentHeaders:
    """What Django's middlewares and the view put on every reply to this address."""
    scheme = "https" if is_secure else "http"
    request = WSGIRequest(
        {"REQUEST_METHOD": "POST", "PATH_INFO": PATH, "wsgi.input": BytesIO(), "wsgi.url_scheme": scheme}
    )
    request.is_secure = lambda: is_secure  # type: ignore[method-assign]
    response = HttpResponse()
    with translation.override(language):
        for kind in (CSPMiddleware, XFrameOptionsMiddleware, LocaleMiddleware, SecurityMiddleware):
            kind(lambda _: HttpResponse()).process_response(request, response)
    del response.headers["Content-Type"]
    said = {"Allow": "POST", "Cache-Control": "no-store", **response.headers}
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in said.items()]
