"""Every error is a problem: a stable code, a sentence, what to do, in the caller's language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.utils import timezone

from accounts.models import ApiKey
from accounts.services.api_keys import issue_api_key, revoke_api_key
from detection.api.problems import PROBLEMS
from detection.api.views import detections as detections_view
from detection.services import realtime
from detection.services.idempotent_replies import claim_key
from tests.api.client import PROBLEM, Caller, Reply
from tests.api.test_access import NOBODYS_ID
from tests.cast import Cast
from tests.services.detections import paper

Provoke = Callable[[Cast, pytest.MonkeyPatch, LazySettings], Reply]
PROVOKED: dict[str, Provoke] = {}


def provokes(code: str) -> Callable[[Provoke], Provoke]:
    def register(provoke: Provoke) -> Provoke:
        PROVOKED[code] = provoke
        return provoke

    return register


def caller(cast: Cast) -> Caller:
    return Caller(cast.acme_key)


def send_file(cast: Cast, name: str, data: bytes = b"x") -> Reply:
    return caller(cast).post_form("detections", {"file": SimpleUploadedFile(name, data)})


def raise_when_submitting(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def submit(**_arguments: object) -> None:
        raise error

    monkeypatch.setattr(detections_view, "submit_text", submit)


@provokes("malformed_body")
def _(cast: Cast, *_more: object) -> Reply:
    return caller(cast).post("detect", b"{")


@provokes("invalid_query")
def _(cast: Cast, *_more: object) -> Reply:
    return caller(cast).get("detections", {"limit": "x"})


@provokes("invalid_cursor")
def _(cast: Cast, *_more: object) -> Reply:
    return caller(cast).get("detections", {"cursor": "x"})


@provokes("bad_request")
def _(cast: Cast, *_more: object) -> Reply:
    return caller(cast).post_form("detections", {f"field{number}": "x" for number in range(1_001)})


@provokes("idempotency_key_invalid")
def _(cast: Cast, *_more: object) -> Reply:
    return caller(cast).post("detections", {"text": "x"}, Idempotency_Key="")


@provokes("api_key_missing")
def _(cast: Cast, *_more: object) -> Reply:
    return Caller(None).get("usage")


@provokes("api_key_malformed")
def _(cast: Cast, *_more: object) -> Reply:
    return Caller("zw_live_").get("usage")


@provokes("api_key_unknown")
def _(cast: Cast, *_more: object) -> Reply:
    ApiKey.objects.all().delete()
    return caller(cast).get("usage")


@provokes("api_key_revoked")
def _(cast: Cast, *_more: object) -> Reply:
    revoke_api_key(api_key=ApiKey.objects.get(organization=cast.acme), revoked_by=None)
    return caller(cast).get("usage")


@provokes("api_key_expired")
def _(cast: Cast, *_more: object) -> Reply:
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(days=1))
    return caller(cast).get("usage")


@provokes("allowance_exceeded")
def _(cast: Cast, *_more: object) -> Reply:
    text = "字。" * 200_000
    return [caller(cast).post("detections", {"text": text}) for _ in range(3)][-1]


@provokes("network_not_allowed")
def _(cast: Cast, *_more: object) -> Reply:
    ApiKey.objects.update(allowed_networks=["10.0.0.0/8"])
    return caller(cast).get("usage")


@provokes("scope_missing")
def _(cast: Cast, *_more: object) -> Reply:
    key = issue_api_key(organization=cast.acme, name="none", created_by=None, scopes=())
    return Caller(key.token).get("usage")


@provokes("not_found")
def _(cast: Cast, *_more: object) -> Reply:
    return caller(cast).get(f"detections/{NOBODYS_ID}")


@provokes("method_not_allowed")
def _(cast: Cast, *_more: object) -> Reply:
    return caller(cast).delete("usage")


@provokes("detection_not_cancellable")
def _(cast: Cast, *_more: object) -> Reply:
    detection = caller(cast).post("detections", {"text": paper(300)}).json
    return [caller(cast).post(f"detections/{detection['id']}/cancel") for _ in range(2)][-1]


@provokes("idempotency_key_running")
def _(cast: Cast, monkeypatch: pytest.MonkeyPatch, *_more: object) -> Reply:
    body = {"text": paper(300)}
    seen: list[Reply] = []

    def submit(**_arguments: object) -> None:
        seen.append(caller(cast).post("detections", body, Idempotency_Key="one"))
        raise OperationalError

    monkeypatch.setattr(detections_view, "submit_text", submit)
    caller(cast).post("detections", body, Idempotency_Key="one")
    return seen[0]


@provokes("idempotency_key_reused")
def _(cast: Cast, *_more: object) -> Reply:
    claim_key(organization_id=cast.acme.id, key="one", request_sha256="0" * 64)
    return caller(cast).post("detections", {"text": paper(300)}, Idempotency_Key="one")


@provokes("length_required")
def _(cast: Cast, *_more: object) -> Reply:
    return caller(cast).call("POST", "detect", headers={"Transfer-Encoding": "chunked"}, content_type="")


@provokes("body_too_large")
def _(cast: Cast, *_more: object) -> Reply:
    return caller(cast).post("detect", b" " * 400_000)


@provokes("too_long")
def _(cast: Cast, *_more: object) -> Reply:
    return caller(cast).post("detect", {"text": "字" * 20_001})


@provokes("too_large")
def _(cast: Cast, _monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> Reply:
    settings.UPLOAD_SIZE_BYTES_AT_MOST = 1024 * 1024
    return send_file(cast, "a.txt", b" " * (1024 * 1024 + 1))


@provokes("unsupported_media_type")
def _(cast: Cast, *_more: object) -> Reply:
    return caller(cast).call("POST", "detect", b"x", content_type="text/plain")


@provokes("unsupported_type")
def _(cast: Cast, *_more: object) -> Reply:
    return send_file(cast, "a.exe")


@provokes("legacy_doc")
def _(cast: Cast, *_more: object) -> Reply:
    return send_file(cast, "a.doc")


@provokes("invalid_request")
def _(cast: Cast, *_more: object) -> Reply:
    return caller(cast).post("detect", {"txet": "x"})


@provokes("empty_text")
def _(cast: Cast, *_more: object) -> Reply:
    return caller(cast).post("detect", {"text": ""})


@provokes("empty_file")
def _(cast: Cast, *_more: object) -> Reply:
    return send_file(cast, "a.txt", b"")


@provokes("rate_limited")
def _(cast: Cast, _monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> Reply:
    settings.API_KEY_REQUESTS_A_MINUTE = 1
    return [caller(cast).get("usage") for _ in range(2)][-1]


@provokes("internal_error")
def _(cast: Cast, monkeypatch: pytest.MonkeyPatch, *_more: object) -> Reply:
    raise_when_submitting(monkeypatch, ZeroDivisionError("a secret"))
    return caller(cast).post("detections", {"text": "x"})


@provokes("service_unavailable")
def _(cast: Cast, monkeypatch: pytest.MonkeyPatch, *_more: object) -> Reply:
    raise_when_submitting(monkeypatch, OperationalError("a secret"))
    return caller(cast).post("detections", {"text": "x"})


@provokes("overloaded")
def _(cast: Cast, monkeypatch: pytest.MonkeyPatch, *_more: object) -> Reply:
    monkeypatch.setattr(realtime, "waiting_count", lambda queue: 1_000_000)
    return caller(cast).post("detect", {"text": paper(300)})


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.code)
def test_every_problem_is_said_as_described(
    cast: Cast,
    monkeypatch: pytest.MonkeyPatch,
    settings: LazySettings,
    problem: object,
) -> None:
    code: str = problem.code  # type: ignore[attr-defined]
    reply = PROVOKED[code](cast, monkeypatch, settings)
    assert reply.code == code
    assert reply.status == reply.json["status"] == problem.status  # type: ignore[attr-defined]
    assert reply.json["type"].endswith(f"/api/docs#{code}")
    for words in ("title", "detail", "action"):
        assert reply.json[words]
    assert reply.json["request_id"] == reply.headers["X-Request-Id"]
    assert b"a secret" not in reply.content


def test_codes_are_unique_and_statuses_complete() -> None:
    codes = [problem.code for problem in PROBLEMS]
    assert len(set(codes)) == len(codes)
    assert {problem.status for problem in PROBLEMS} >= {
        400, 401, 402, 403, 404, 405, 409, 413, 415, 422, 429, 503,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("accept_language", "title"),
    [
        ("", "缺少 API 密钥"),
        ("zh", "缺少 API 密钥"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "缺少 API 密钥"),
        ("zh-TW", "缺少 API 密钥"),
        ("*", "缺少 API 密钥"),
        ("nonsense;;;", "缺少 API 密钥"),
        ("en", "The API key is missing"),
        ("en-US,en;q=0.9,zh;q=0.1", "The API key is missing"),
        ("de", "The API key is missing"),
        ("zh;q=0.1, en", "The API key is missing"),
    ],
)
def test_problems_are_said_in_the_callers_language(db: None, accept_language: str, title: str) -> None:
    reply = Caller(None).get("usage", Accept_Language=accept_language)
    assert reply.json["title"] == title
    assert reply.headers["Content-Language"] == ("en" if title.isascii() else "zh-hans")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/",
        "/api/v1/nonsense",
        "/api/v1/usage/",
        "/api/v1/detections/",
        "/api/v2/x",
        "/api/",
        "/api/doc",
    ],
)
def test_an_unknown_address_is_a_problem_too(db: None, path: str) -> None:
    reply = Caller(None).get(path)
    assert (reply.status, reply.code) == (404, "not_found")


def test_a_wrong_method_is_told_the_right_ones(alice: Caller) -> None:
    assert alice.call("PUT", "detections").headers["Allow"] == "GET, POST, HEAD"
    assert alice.call("OPTIONS", "detect").headers["Allow"] == "POST"


def test_head_is_get_without_a_body(alice: Caller) -> None:
    from django.test import Client

    response = Client().head("/api/v1/usage", headers={"X-API-Key": str(alice.token)})
    assert (response.status_code, response.content) == (200, b"")


def test_a_database_that_is_away_is_an_outage_of_ours(
    cast: Cast, alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_arguments: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr("detection.api.access.recognise_api_key", away)
    reply = alice.get("usage")
    assert (reply.status, reply.code) == (503, "service_unavailable")
    assert int(reply.headers["Retry-After"]) >= 1


def test_a_request_for_another_host_is_a_problem_too(db: None, settings: LazySettings) -> None:
    settings.ALLOWED_HOSTS = ["zhenwen.example"]
    reply = Caller(None).get("usage")
    assert reply.headers["Content-Type"] == PROBLEM


def test_pages_keep_their_own_errors(db: None) -> None:
    from django.test import Client

    assert Client().get("/nonsense").headers["Content-Type"].startswith("text/html")
