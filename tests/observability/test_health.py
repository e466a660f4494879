"""/livez /readyz /health /metrics tell the truth, and the last to no stranger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from zhenwen.observability import health
from zhenwen.observability.health import Finding, Status, register_check

pytestmark = pytest.mark.django_db


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """No checks but those the test registers."""
    monkeypatch.setattr(health, "_checks", {})


@pytest.fixture
def valkey_away(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"


def degraded() -> Iterator[Finding]:
    yield Finding(Status.DEGRADED, "It is slow.")


def unhealthy() -> Iterator[Finding]:
    yield Finding(Status.UNHEALTHY, "It is broken.")


def raises() -> Iterator[Finding]:
    raise RuntimeError
    yield


def test_alive_whatever_else_is_broken(client: Client, valkey_away: None) -> None:
    assert client.get("/livez").json() == {"status": "alive"}


def test_ready_with_postgres_migrations_and_valkey(client: Client) -> None:
    reply = client.get("/readyz")
    assert (reply.status_code, reply.json()) == (200, {"status": "ready", "reasons": []})


def test_not_ready_without_valkey(client: Client, valkey_away: None) -> None:
    reply = client.get("/readyz")
    assert reply.status_code == 503
    assert reply.json()["reasons"] == ["Valkey does not answer."]


def test_healthy_when_no_check_finds_anything(client: Client, checks: None) -> None:
    assert client.get("/health").json() == {"status": "healthy", "reasons": []}


def test_degraded_still_answers_200(client: Client, checks: None) -> None:
    register_check("speed", degraded)
    reply = client.get("/health")
    assert reply.status_code == 200
    assert reply.json() == {"status": "degraded", "reasons": ["It is slow."]}


def test_the_worst_finding_decides(client: Client, checks: None) -> None:
    register_check("speed", degraded)
    register_check("heart", unhealthy)
    reply = client.get("/health")
    assert reply.status_code == 503
    assert reply.json() == {"status": "unhealthy", "reasons": ["It is slow.", "It is broken."]}


def test_a_check_that_breaks_is_told_and_breaks_nothing(client: Client, checks: None) -> None:
    register_check("odd", raises)
    assert client.get("/health").json() == {"status": "degraded", "reasons": ["The check of odd failed."]}


def test_this_machine_may_scrape(client: Client) -> None:
    reply = client.get("/metrics")
    assert reply.status_code == 200
    assert b"zhenwen_stage_seconds" in reply.content
    assert b"zhenwen_workers" in reply.content


@pytest.mark.parametrize("who", [{"REMOTE_ADDR": "203.0.113.7"}, {"HTTP_X_FORWARDED_FOR": "203.0.113.7"}])
def test_strangers_may_not_scrape(client: Client, who: dict[str, str]) -> None:
    assert client.get("/metrics", **who).status_code == 404  # type: ignore[arg-type]


def test_a_token_opens_the_metrics_to_its_bearer_only(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "sesame"
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer sesame"}).status_code == 200


def test_the_request_id_of_the_caller_is_kept(client: Client) -> None:
    reply = client.get("/livez", headers={"X-Request-Id": "from-the-caller-1"})
    assert reply["X-Request-Id"] == "from-the-caller-1"


def test_a_request_id_that_could_forge_a_log_line_is_replaced(client: Client) -> None:
    reply = client.get("/livez", headers={"X-Request-Id": 'x"} {"message": "forged'})
    assert len(reply["X-Request-Id"]) == 32
