"""The door of every address below /api/v1/: which key, how often, may it, and is this a repetition?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, wraps
from ipaddress import IPv6Address, ip_address
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import DatabaseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import ApiKey
from accounts.services.api_keys import ApiKeyRefused, recognise_api_key
from detection.api import problems
from detection.services.idempotent_replies import (
    Claim,
    ClaimLost,
    KeptReply,
    KeyReused,
    KeyRunning,
    claim_key,
    keep_reply,
    release_key,
)
from detection.services.realtime_door import request_limits
from detection.services.submission import Submitter
from zhenwen.http.parsing import AlwaysJSON, StrictJSONParser, refuse_oversized_body
from zhenwen.http.problems import RATE_LIMITED, Problem, retry_after
from zhenwen.http.rate_limits import take_from
from zhenwen.tenancy.scope import tenant_scope

IDEMPOTENCY_HEADER = "Idempotency-Key"
IDEMPOTENCY_KEY_LENGTH_AT_MOST = 255
# A body of JSON may spell every character as an escaped surrogate pair: \ud83d\ude00.
BYTES_A_CHARACTER_AT_MOST = 12
SMALL_BODY_BYTES = 64 * 1024

logger = structlog.get_logger(__name__)

P = ParamSpec("P")
V = TypeVar("V", bound="ApiView")
Handler = Callable[Concatenate[V, Request, P], Response]


class ApiView(APIView):
    """Every method is an `endpoint`."""

    parser_classes: Sequence[type[BaseParser]] = (StrictJSONParser,)
    content_negotiation_class = AlwaysJSON
    http_method_names = ["get", "post", "delete", "head"]
    body_size_bytes_at_most = SMALL_BODY_BYTES

    api_key: ApiKey
    work_id: UUID | None = None  # of a call with an Idempotency-Key
    _limit_headers: dict[str, str]

    @property
    def organization_id(self) -> int:
        return self.api_key.organization_id

    @property
    def submitter(self) -> Submitter:
        return Submitter(user=None, label=self.api_key.display_hint)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self._limit_headers = {}
        super().initial(request, *args, **kwargs)
        self.api_key = _recognised_key(request)
        structlog.contextvars.bind_contextvars(organization_id=self.organization_id)
        self._take_from_rate_limits()
        method = str(request.method).lower()
        handler = getattr(self, method, None) if method in self.http_method_names else None
        if handler is not None:
            self._check_scope(handler.required_scope)
        refuse_oversized_body(request._request, size_bytes_at_most=self.body_size_bytes_at_most)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        finalized = super().finalize_response(request, response, *args, **kwargs)
        for name, value in getattr(self, "_limit_headers", {}).items():
            finalized[name] = value
        finalized["Cache-Control"] = "no-store"
        return finalized

    def get_exception_handler(self) -> Any:
        return problems.api_exception_handler

    def _take_from_rate_limits(self) -> None:
        decision = take_from(request_limits(organization_id=self.organization_id, api_key_id=self.api_key.pk))
        self._limit_headers = decision.headers
        if not decision.passed:
            raise Problem(RATE_LIMITED)

    def _check_scope(self, required_scope: str) -> None:
        if required_scope not in self.api_key.scopes:
            raise Problem(problems.SCOPE_MISSING, members={"required_scope": required_scope})


def endpoint(
    scope: str, *, idempotent: bool = False, in_transaction: bool = True
) -> Callable[[Handler[V, P]], Handler[V, P]]:
    """A method that needs this scope of a key and runs in its organization's scope, one transaction.

    `idempotent` lets callers repeat it under an Idempotency-Key. Without `in_transaction` the method opens
    scopes itself: it waits for others and must not hold a transaction meanwhile.
    """

    def decorate(method: Handler[V, P]) -> Handler[V, P]:
        @wraps(method)
        def guarded(view: V, request: Request, *args: P.args, **kwargs: P.kwargs) -> Response:
            def perform(claim: Claim | None) -> Response:
                view.work_id = claim.work_id if claim else None
                if not in_transaction:
                    response = method(view, request, *args, **kwargs)
                    _keep_if_possible(claim, response)
                    return response
                with tenant_scope(view.organization_id):
                    response = method(view, request, *args, **kwargs)
                    _keep(claim, response)
                    return response

            if idempotent and IDEMPOTENCY_HEADER in request.headers:
                return _once(view, request, perform)
            return perform(None)

        guarded.required_scope = scope  # type: ignore[attr-defined]
        guarded.is_idempotent = idempotent  # type: ignore[attr-defined]
        return cast("Handler[V, P]", guarded)

    return decorate


def _once(view: ApiView, request: Request, perform: Callable[[Claim | None], Response]) -> Response:
    key = request.headers[IDEMPOTENCY_HEADER]
    if not (key.isascii() and key.isprintable() and 0 < len(key) <= IDEMPOTENCY_KEY_LENGTH_AT_MOST):
        raise Problem(problems.IDEMPOTENCY_KEY_INVALID)
    try:
        claim = claim_key(
            organization_id=view.organization_id, key=key, request_sha256=_request_sha256(request)
        )
    except KeyReused:
        raise Problem(problems.IDEMPOTENCY_KEY_REUSED) from None
    except KeyRunning:
        raise Problem(problems.IDEMPOTENCY_KEY_RUNNING, headers=retry_after(1)) from None
    if isinstance(claim, KeptReply):
        return _replayed(claim)
    try:
        return perform(claim)
    except ClaimLost:
        raise Problem(problems.IDEMPOTENCY_KEY_RUNNING, headers=retry_after(1)) from None
    except BaseException:
        release_key(claim=claim)
        raise


def _keep(claim: Claim | None, response: Response) -> None:
    if claim is None:
        return
    body = {
        "content": json.loads(JSONRenderer().render(response.data)),
        "headers": {name: response[name] for name in ("Location", "Retry-After") if name in response},
    }
    with tenant_scope(claim.organization_id):
        keep_reply(claim=claim, status=response.status_code, body=body)


def _keep_if_possible(claim: Claim | None, response: Response) -> None:
    """The work stands and is charged already; whoever repeats the call finds it by its work_id."""
    try:
        _keep(claim, response)
    except (DatabaseError, ClaimLost) as error:
        logger.warning("reply not kept", error_type=type(error).__name__)


def _replayed(reply: KeptReply) -> Response:
    return Response(
        reply.body["content"],
        status=reply.status,
        headers={**reply.body["headers"], "Idempotency-Replayed": "true"},
    )


def _request_sha256(request: Request) -> str:
    """What the call asks for, whatever boundary or order of fields it was written with."""
    fields = {name: _fingerprint(value) for name, value in sorted(dict(request.data).items())}
    asked = json.dumps([request.method, request.path, fields], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()


def _fingerprint(value: Any) -> Any:
    if isinstance(value, list):
        return [_fingerprint(item) for item in value]
    if isinstance(value, UploadedFile):
        digest = hashlib.sha256()
        for chunk in value.chunks():
            digest.update(chunk)
        value.seek(0)
        return [value.name, digest.hexdigest()]
    return value


def _recognised_key(request: Request) -> ApiKey:
    token = token_of(request.headers)
    if token is None:
        raise problems.unauthenticated(problems.API_KEY_MISSING)
    address = remote_address(request.headers, seen=request.META.get("REMOTE_ADDR", ""))
    try:
        return recognise_api_key(token=token, remote_address=address)
    except ApiKeyRefused as refused:
        raise problems.api_key_problem(refused) from None


def token_of(headers: Mapping[str, str]) -> str | None:
    """Of headers that are found by their names in lower case."""
    kind, _space, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get("x-api-key", "").strip() or None


def remote_address(headers: Mapping[str, str], *, seen: str) -> str | None:
    """The caller's address; a trusted proxy appends the one it saw to X-Forwarded-For."""
    if settings.TRUST_PROXY:
        seen = headers.get("x-forwarded-for", seen).rpartition(",")[2]
    return _plain_address(seen.strip())


@lru_cache(maxsize=1024)
def _plain_address(written: str) -> str | None:
    try:
        address = ip_address(written)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
