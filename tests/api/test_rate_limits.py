"""So many requests a minute for a key and for its organization; without Redis, no limit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from django.conf import LazySettings

from accounts.services.api_keys import issue_api_key
from tests.api.client import Caller
from tests.cast import Cast
from tests.services.detections import at_once
from zhenwen.http import rate_limits
from zhenwen.http.rate_limits import RateLimit, take_from


@pytest.fixture
def three_a_minute(settings: LazySettings) -> None:
    settings.API_KEY_REQUESTS_A_MINUTE = 3
    settings.ORGANIZATION_REQUESTS_A_MINUTE = 5


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody answers at Redis' address."""
    dead = redis.Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.1)
    monkeypatch.setattr(rate_limits, "_take_all", lambda: dead.register_script("return 1"))
    yield
    dead.close()


@pytest.mark.usefixtures("three_a_minute")
def test_every_reply_says_what_is_left(alice: Caller) -> None:
    headers = alice.get("usage").headers
    assert headers["RateLimit-Policy"] == '"key";q=3;w=60, "organization";q=5;w=60'
    assert headers["RateLimit"] == '"key";r=2;t=20, "organization";r=4;t=12'
    assert alice.get("usage").headers["RateLimit"].startswith('"key";r=1;')


@pytest.mark.usefixtures("three_a_minute")
def test_over_the_limit_the_caller_is_told_when_to_come_back(alice: Caller) -> None:
    assert [alice.get("usage").status for _ in range(4)] == [200, 200, 200, 429]
    reply = alice.get("usage")
    assert reply.code == "rate_limited"
    assert 1 <= int(reply.headers["Retry-After"]) <= 20
    assert reply.headers["RateLimit"].startswith('"key";r=0;')


@pytest.mark.usefixtures("three_a_minute")
def test_keys_of_one_organization_share_its_limit(cast: Cast, alice: Caller, mallory: Caller) -> None:
    second = Caller(issue_api_key(organization=cast.acme, name="second", created_by=cast.alice).token)
    assert [alice.get("usage").status for _ in range(3)] == [200] * 3
    assert [second.get("usage").status for _ in range(3)] == [200, 200, 429]
    assert mallory.get("usage").status == 200


@pytest.mark.usefixtures("three_a_minute")
def test_a_refused_request_takes_from_no_bucket(alice: Caller) -> None:
    for _ in range(9):
        last = alice.get("usage")
    assert '"organization";r=2;' in last.headers["RateLimit"]


@pytest.mark.usefixtures("three_a_minute")
def test_a_request_refused_for_another_reason_counts_too(alice: Caller) -> None:
    for _ in range(3):
        assert alice.post("detect", b"{").status == 400
    assert alice.post("detect", b"{").status == 429


def test_tokens_come_back_with_time(db: None) -> None:
    limit = [RateLimit("key", "refill", requests=50, window_seconds=1)]
    while take_from(limit).passed:
        pass
    assert not take_from(limit).passed
    waited = 0
    while not take_from(limit).passed:
        waited += 1
        assert waited < 10_000
    assert take_from([RateLimit("key", "unused", 50, 1)]).passed


def test_of_many_at_once_exactly_the_limit_passes(db: None) -> None:
    limit = [RateLimit("key", "crowd", 7, 3_600), RateLimit("organization", "crowds", 100, 3_600)]
    assert sum(decision.passed for decision in at_once(12, lambda: take_from(limit))) == 7
    assert '"organization";r=93;' in take_from(limit).headers["RateLimit"]


@pytest.mark.usefixtures("no_redis", "three_a_minute")
def test_without_redis_every_request_passes_and_is_counted(alice: Caller) -> None:
    unknown = rate_limits.RATE_LIMIT_TOTAL.labels("unknown")
    before = unknown._value.get()
    replies = [alice.get("models") for _ in range(5)]
    assert [reply.status for reply in replies] == [200] * 5
    assert "RateLimit" not in replies[0].headers
    assert unknown._value.get() == before + 5
