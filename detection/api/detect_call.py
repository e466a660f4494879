"""Reading a call to /api/v1/detect on the event loop: only what is plainly in order, nothing for None."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from accounts.services.api_keys import ApiKeyRefused, presented_key
from detection.api.access import IDEMPOTENCY_HEADER, remote_address, token_of
from detection.api.inputs import DEADLINE_SECONDS_AT_MOST, EXTERNAL_ID_LENGTH_AT_MOST, TITLE_LENGTH_AT_MOST
from detection.api.views.detect import DetectView
from detection.services.realtime import new_call
from detection.services.realtime_calls import RealtimeCall
from detection.services.realtime_door import Question
from zhenwen.http.parsing import read_json

PATH = "/api/v1/detect"
_FIELDS = frozenset({"text", "title", "external_id", "deadline_seconds"})


@dataclass(frozen=True, slots=True)
class CallHead:
    """What is known before the body. `headers` by their names in lower case."""

    headers: Mapping[str, str]
    peer_address: str
    size_bytes: int
    is_secure: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A call whose body is in order, with its deadline by the monotonic clock."""

    head: CallHead
    token: str
    question: Question
    ends_at: float

    @property
    def call(self) -> RealtimeCall:
        return self.question.call


def head_of(scope: Mapping[str, Any]) -> CallHead | None:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, said = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]},{said}" if key in headers else said
    length = headers.get("content-length", "")
    is_plain = (
        scope["method"] == "POST"
        and not scope.get("root_path")
        and not scope["query_string"]
        and "transfer-encoding" not in headers
        and IDEMPOTENCY_HEADER.lower() not in headers
        and headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
        and length.isascii()
        and length.isdecimal()
        and int(length) <= DetectView.body_size_bytes_at_most
        and _may_be_called(headers.get("host", ""), tuple(settings.ALLOWED_HOSTS))
    )
    if not is_plain:
        return None
    client = scope.get("client")
    return CallHead(
        headers=headers,
        peer_address=client[0] if client else "",
        size_bytes=int(length),
        is_secure=_is_secure(scope.get("scheme", "http"), headers),
    )


def asked_in(head: CallHead, body: bytes) -> Asked | None:
    """What the body asks for and who says so, if nothing about it needs a second look."""
    token = token_of(head.headers)
    try:
        fields = read_json(body)
        key = presented_key(token or "")
    except (ApiKeyRefused, ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or not fields.keys() <= _FIELDS:
        return None
    text, title, external_id = fields.get("text"), fields.get("title", ""), fields.get("external_id", "")
    seconds = fields.get("deadline_seconds", float(settings.REALTIME_DEADLINE_SECONDS))
    is_plain = (
        token is not None
        and isinstance(text, str)
        and text.strip()
        and _is_text(text, settings.REALTIME_CHARACTERS_AT_MOST)
        and _is_text(title, TITLE_LENGTH_AT_MOST)
        and _is_text(external_id, EXTERNAL_ID_LENGTH_AT_MOST)
        and type(seconds) in (int, float)
        and 0 <= seconds <= DEADLINE_SECONDS_AT_MOST
    )
    if not is_plain:
        return None
    assert isinstance(text, str) and token is not None  # says is_plain
    ends_at = time.monotonic() + seconds
    call = new_call(text=text, title=title, external_id=external_id, deadline_seconds=seconds)
    question = Question(
        call=call,
        lookup_id=key.lookup_id,
        digest=key.digest,
        remote_address=remote_address(head.headers, seen=head.peer_address),
        may_wait=call.deadline_at > call.asked_at,
    )
    return Asked(head, token, question, ends_at)


def _is_text(value: object, length_at_most: int) -> bool:
    if not isinstance(value, str) or len(value) > length_at_most or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=256)
def _may_be_called(host: str, allowed_hosts: tuple[str, ...]) -> bool:
    """As HttpRequest.get_host() decides."""
    domain, _port = split_domain_port(host)
    return bool(domain) and validate_host(domain, list(allowed_hosts))


def _is_secure(scheme: str, headers: Mapping[str, str]) -> bool:
    """As HttpRequest.is_secure() decides, with the header that a trusted proxy sets."""
    said = headers.get("x-forwarded-proto") if settings.TRUST_PROXY else None
    return (said.partition(",")[0].strip() if said is not None else scheme) == "https"
