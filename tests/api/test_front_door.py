"""The door ahead of Django answers exactly as the view does, or leaves the call to it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import structlog
from django.conf import LazySettings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_prometheus.middleware import Metrics
from redis import Redis

from accounts.models import ApiKey
from accounts.services import remembered_keys
from accounts.services.api_keys import Scope, issue_api_key, presented_key, revoke_api_key
from accounts.services.remembered_keys import remember_key
from detection.api import front_door
from detection.services import realtime, realtime_door, realtime_terms, realtime_usage
from detection.services.policies import change_policy
from detection.services.realtime import new_call
from detection.services.realtime_door import Outcome, Question, ask_all
from detection.services.realtime_usage import pending_characters
from detection.services.submission import text_sha256
from tests.api.client import Caller
from tests.api.door import Door, Reply, a_door
from tests.cast import Cast
from tests.services.detections import paper
from tests.services.realtime import answer_waiting_calls
from zhenwen.jobs.inbox import Inbox
from zhenwen.jobs.queues import async_connection
from zhenwen.tenancy.scope import tenant_scope

TEXT = paper(600)
ENGLISH = {"HTTP_ACCEPT_LANGUAGE": "en"}
NAMED = {"HTTP_X_REQUEST_ID": "my-own-request"}


@pytest.fixture
def door(cast: Cast, worker: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """Alice's key, her institution and one text are known at the door."""
    # As the test client does: a test's transaction outlives its requests.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    monkeypatch.setattr(front_door, "close_old_connections", lambda: None)
    # However slow the machine is.
    monkeypatch.setattr(remembered_keys, "REMEMBERED_SECONDS", 60)
    monkeypatch.setattr(realtime_terms, "REMEMBERED_SECONDS", 60)
    monkeypatch.setattr(realtime_usage, "REMAINING_SECONDS", 60)
    with a_door(meanwhile=answer_waiting_calls) as door:
        reply = door.post({"text": TEXT}, cast.acme_key)
        assert reply.status == "200 OK", reply.body
        yield door
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def same(reply: Reply) -> dict[str, Any]:
    """What must not differ: all but the name of the request and what the rate limits have left."""
    own = {"x-request-id", "ratelimit"}
    headers = {name: value for name, value in reply.headers.items() if name not in own}
    body = reply.body
    if "problem" in reply.headers["content-type"]:
        body = json.dumps(reply.json | {"request_id": ""}).encode()
    return {"status": reply.status, "headers": headers, "body": body}


@pytest.mark.parametrize(
    ("body", "environ"),
    [
        ({"text": TEXT}, {}),
        ({"text": TEXT}, ENGLISH),
        ({"text": TEXT, "title": '题 \u2028 " \\ <b>', "external_id": "17"}, {}),
        ({"text": TEXT, "deadline_seconds": 0}, {}),
        ({"text": TEXT}, {"HTTP_ACCEPT_LANGUAGE": "de, zh;q=0.5"}),
        ({"text": TEXT}, {"wsgi.url_scheme": "https"}),
        ({"text": TEXT}, {"CONTENT_TYPE": "application/json; charset=utf-8"}),
        (b"\xef\xbb\xbf" + json.dumps({"text": TEXT}).encode(), {}),
        (json.dumps({"text": TEXT}, ensure_ascii=False).encode(), {}),
    ],
)
def test_a_cached_answer_is_the_same_either_way(
    cast: Cast, door: Door, body: Any, environ: dict[str, str]
) -> None:
    ahead = door.post(body, cast.acme_key, environ)
    behind = door.post(body, cast.acme_key, environ, ahead=False)
    assert not ahead.by_django
    assert same(ahead) == same(behind)
    assert ahead.headers["ratelimit"] != ""
    assert len(ahead.headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    ("body", "environ"),
    [
        (b"{", {}),
        (b"[]", {}),
        (b"\xff", {}),
        (b'{"text": NaN}', {}),
        ({}, {}),
        ({"text": 5}, {}),
        ({"text": " \n"}, {}),
        ({"text": TEXT, "titel": "x"}, {}),
        ({"text": TEXT, "title": "x" * 256}, {}),
        ({"text": TEXT, "title": "\0"}, {}),
        ({"text": TEXT, "external_id": 17}, {}),
        ({"text": TEXT, "deadline_seconds": True}, {}),
        ({"text": TEXT, "deadline_seconds": 31}, {}),
        ({"text": "字" * 20_001}, {}),
        ({"text": TEXT}, {"CONTENT_TYPE": "text/plain"}),
        ({"text": TEXT}, {"HTTP_HOST": "bad_host name"}),
        ({"text": TEXT}, {"QUERY_STRING": "a=b"}),
        ({"text": TEXT}, {"HTTP_AUTHORIZATION": "Bearer nonsense"}),
        ({"text": TEXT}, {"HTTP_AUTHORIZATION": ""}),
        ({"text": TEXT}, {"REQUEST_METHOD": "PUT"}),
        ({"text": TEXT}, {"CONTENT_LENGTH": "99999999"}),
        ({"text": TEXT}, {"HTTP_IDEMPOTENCY_KEY": ""}),
    ],
)
def test_what_is_not_in_order_is_the_views_to_refuse(
    cast: Cast, door: Door, body: Any, environ: dict[str, str]
) -> None:
    ahead = door.post(body, cast.acme_key, environ)
    assert ahead.by_django
    assert same(ahead) == same(door.post(body, cast.acme_key, environ, ahead=False))


def test_a_cached_answer_asks_no_database_and_is_counted(cast: Cast, door: Door, alice: Caller) -> None:
    before = alice.get("usage").json["used_characters"]
    with CaptureQueriesContext(connection) as queries:
        reply = door.post({"text": TEXT}, cast.acme_key)
    assert not reply.by_django
    assert len(queries) == 0
    assert alice.get("usage").json["used_characters"] == before + reply.json["characters"]


def test_a_new_text_is_answered_without_a_query_before_the_answer(cast: Cast, door: Door) -> None:
    reply = door.post({"text": paper(600, number=2), "title": "甲"}, cast.acme_key)
    assert not reply.by_django
    assert reply.status == "200 OK"
    assert reply.json["document"]["title"] == "甲"
    found = Caller(cast.acme_key).get(f"detections/{reply.json['id']}")
    assert found.json == reply.json


def test_without_a_worker_the_call_becomes_a_detection(
    cast: Cast, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.meanwhile = None
    monkeypatch.setattr(Inbox, "wait_for_answer", lambda *_, **__: None)
    monkeypatch.setattr(realtime, "wait_for_end", lambda *_, **__: time.sleep(0.05))
    reply = door.post({"text": paper(600, number=3), "deadline_seconds": 0.5}, cast.acme_key)
    behind = door.post({"text": paper(600, number=4), "deadline_seconds": 0.5}, cast.acme_key, ahead=False)
    assert not reply.by_django
    assert reply.status == behind.status == "202 Accepted"
    assert reply.headers.keys() == behind.headers.keys()
    assert reply.json.keys() == behind.json.keys()
    assert reply.headers["location"] == f"/api/v1/detections/{reply.json['id']}"


def test_a_revoked_key_is_refused_at_once(cast: Cast, door: Door) -> None:
    revoke_api_key(api_key=ApiKey.objects.get(organization=cast.acme), revoked_by=cast.alice)
    reply = door.post({"text": TEXT}, cast.acme_key)
    assert reply.by_django
    assert reply.json["code"] == "api_key_revoked"
    assert door.post({"text": TEXT}, cast.acme_key).by_django


def test_a_call_that_read_the_key_before_it_was_revoked_does_not_bring_it_back(
    cast: Cast, door: Door
) -> None:
    stale = ApiKey.objects.get(organization=cast.acme)
    revoke_api_key(api_key=stale, revoked_by=cast.alice)
    remember_key(api_key=stale, remote_address=None)
    assert door.post({"text": TEXT}, cast.acme_key).by_django


def test_a_key_is_known_from_its_own_networks_only(cast: Cast, door: Door) -> None:
    token = issue_api_key(
        organization=cast.acme, name="campus", created_by=cast.alice, allowed_networks=("10.1.0.0/16",)
    ).token
    inside, outside = {"REMOTE_ADDR": "10.1.2.3"}, {"REMOTE_ADDR": "10.2.0.1"}
    assert not door.post({"text": TEXT}, token, inside).by_django
    refused = door.post({"text": TEXT}, token, outside)
    assert refused.by_django
    assert refused.json["code"] == "network_not_allowed"


def test_a_key_with_another_secret_or_scope_is_not_known(cast: Cast, door: Door) -> None:
    reader = issue_api_key(
        organization=cast.acme, name="r", created_by=cast.alice, scopes=("detections:read",)
    )
    for _time in range(2):
        assert door.post({"text": TEXT}, reader.token).json["code"] == "scope_missing"
    forged = cast.acme_key.rpartition("_")[0] + "_" + cast.rival_key.rpartition("_")[2]
    reply = door.post({"text": TEXT}, forged)
    assert reply.by_django
    assert reply.status == "401 Unauthorized"


def test_a_key_is_not_known_past_its_date(cast: Cast, door: Door) -> None:
    token = issue_api_key(
        organization=cast.acme,
        name="short",
        created_by=cast.alice,
        expires_at=timezone.now() + timedelta(seconds=1),
    ).token
    door.post({"text": TEXT}, token)
    ApiKey.objects.filter(name="short").update(expires_at=timezone.now() - timedelta(seconds=1))
    time.sleep(1.1)
    assert door.post({"text": TEXT}, token).json["code"] == "api_key_expired"


def test_no_secret_is_remembered(cast: Cast, door: Door, settings: LazySettings) -> None:
    client = Redis.from_url(settings.REDIS_URL)
    secret = cast.acme_key.rpartition("_")[2]
    for key in client.scan_iter("apikey*"):
        assert secret.encode() not in key
        held = client.hgetall(key)
        assert held
        assert not any(secret.encode() in part for pair in held.items() for part in pair)
        assert 0 < client.ttl(key) <= 60
    client.close()


def test_over_the_rate_limit_both_ways_say_the_same(cast: Cast, door: Door, settings: LazySettings) -> None:
    settings.API_KEY_REQUESTS_A_MINUTE = 1
    ahead = door.post({"text": TEXT}, cast.acme_key)
    while ahead.status == "200 OK":
        ahead = door.post({"text": TEXT}, cast.acme_key)
    behind = door.post({"text": TEXT}, cast.acme_key, ahead=False)
    assert not ahead.by_django
    assert ahead.status == "429 Too Many Requests"
    assert same(ahead) == same(behind)


def asked_together(token: str, texts: list[str]) -> list[Outcome]:
    """What the door says to calls that one round trip asks for."""
    calls = [new_call(text=text, title="", external_id="", deadline_seconds=9) for text in texts]
    key = presented_key(token)
    questions = [Question(call, key.lookup_id, key.digest, "127.0.0.1", may_wait=False) for call in calls]

    async def ask() -> list[Outcome]:
        client = async_connection()
        try:
            return await ask_all(questions, scope=Scope.DETECTIONS_WRITE, room="-", client=client)
        finally:
            await client.aclose()

    return asyncio.run(ask())


def test_calls_that_come_together_are_limited_and_counted_like_any_others(
    cast: Cast, door: Door, settings: LazySettings
) -> None:
    characters = door.post({"text": TEXT}, cast.acme_key).json["characters"]
    settings.API_KEY_REQUESTS_A_MINUTE = 5
    counted = pending_characters(organization_id=cast.acme.id)
    outcomes = asked_together(cast.acme_key, [TEXT] * 7)
    assert [one.status for one in outcomes] == [realtime_door.ANSWERED] * 5 + [realtime_door.RATE_LIMITED] * 2
    assert [round(one.left[0]) for one in outcomes] == [4, 3, 2, 1, 0, 0, 0]
    assert pending_characters(organization_id=cast.acme.id) == counted + 5 * characters
    assert door.post({"text": TEXT}, cast.acme_key).status == "429 Too Many Requests"


def test_a_call_that_fails_spoils_none_that_came_with_it(
    cast: Cast, door: Door, settings: LazySettings
) -> None:
    other = paper(600, number=9)
    client = Redis.from_url(settings.REDIS_URL)
    (known,) = client.scan_iter(f"result:{cast.acme.id}:*")
    client.rpush(known.replace(text_sha256(TEXT).encode(), text_sha256(other).encode()), "no result")
    client.close()
    outcomes = asked_together(cast.acme_key, [TEXT, other, TEXT])
    answered, undecided = realtime_door.ANSWERED, realtime_door.UNDECIDED
    assert [one.status for one in outcomes] == [answered, undecided, answered]


def test_overloaded_both_ways_say_the_same(cast: Cast, door: Door, settings: LazySettings) -> None:
    settings.REALTIME_WAITING_AT_MOST = 0
    body = {"text": paper(600, number=5)}
    ahead = door.post(body, cast.acme_key, ENGLISH)
    assert not ahead.by_django
    assert ahead.status == "503 Service Unavailable"
    assert same(ahead) == same(door.post(body, cast.acme_key, ENGLISH, ahead=False))


def test_what_the_allowance_does_not_hold_is_the_views_to_refuse(
    cast: Cast, door: Door, settings: LazySettings
) -> None:
    client = Redis.from_url(settings.REDIS_URL)
    client.set(f"realtime:remaining:{cast.acme.id}", 3)
    client.close()
    reply = door.post({"text": TEXT}, cast.acme_key)
    assert reply.by_django


def test_a_changed_policy_holds_at_once(
    cast: Cast, door: Door, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True), tenant_scope(cast.acme.id):
        change_policy(
            organization_id=cast.acme.id,
            tolerated_fpr=Decimal("0.001"),
            retention_days=None,
            changed_by=cast.alice,
        )
    reply = door.post({"text": TEXT}, cast.acme_key)
    assert reply.json["result"]["tolerated_fpr"] == 0.001


def test_it_is_told_and_counted_like_any_request(cast: Cast, door: Door) -> None:
    counter = Metrics.get_instance().responses_by_status_view_method.labels(
        status="200", view="api:detect", method="POST"
    )
    before = counter._value.get()
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as ahead:
        reply = door.post({"text": TEXT}, cast.acme_key, NAMED)
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as behind:
        door.post({"text": TEXT}, cast.acme_key, NAMED, ahead=False)
    assert reply.headers["x-request-id"] == "my-own-request"
    assert counter._value.get() == before + 2
    assert [{**line, "duration_ns": 0} for line in ahead] == [{**line, "duration_ns": 0} for line in behind]


def test_who_was_forgotten_is_asked_for_once_and_let_in(
    cast: Cast, door: Door, settings: LazySettings
) -> None:
    client = Redis.from_url(settings.REDIS_URL)
    client.delete(*client.scan_iter("apikey:*"), *client.scan_iter("realtime:terms:*"))
    client.close()
    with CaptureQueriesContext(connection) as queries:
        assert not door.post({"text": TEXT}, cast.acme_key).by_django
    assert queries
    with CaptureQueriesContext(connection) as queries:
        assert not door.post({"text": TEXT}, cast.acme_key).by_django
    assert not queries


def test_what_is_remembered_is_renewed_beside_the_calls(
    cast: Cast, door: Door, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front_door, "RENEW_SECONDS", 120)
    client = Redis.from_url(settings.REDIS_URL)
    client.set(f"realtime:remaining:{cast.acme.id}", 10**12)
    assert not door.post({"text": TEXT}, cast.acme_key).by_django
    door.finish_work()
    assert int(client.get(f"realtime:remaining:{cast.acme.id}") or 0) < 10**11, "as the database says"
    client.close()


def test_without_the_queue_server_the_view_answers(
    cast: Cast, door: Door, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    dead = Redis.from_url(settings.REDIS_URL, socket_connect_timeout=0.1)
    monkeypatch.setattr("zhenwen.jobs.queues._connection", dead)
    with a_door() as lonely:
        reply = lonely.post({"text": TEXT, "deadline_seconds": 0}, cast.acme_key)
    dead.close()
    assert reply.by_django
    assert reply.status == "202 Accepted"
