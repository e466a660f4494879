"""Which key opens what: by two headers, for its scopes, from its networks, until it is withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.urls import URLPattern
from django.utils import timezone

from accounts.models import ApiKey
from accounts.services.api_keys import Scope, issue_api_key, revoke_api_key
from detection.api.urls import urlpatterns
from tests.api.client import Caller
from tests.cast import Cast

NOBODYS_ID = "00000000-0000-4000-8000-000000000000"
HTTP_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def endpoints() -> Iterator[tuple[str, str, str]]:
    """Method, path and required scope of everything below /api/v1/."""
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        path = str(pattern.pattern).replace("<uuid:detection_id>", NOBODYS_ID)
        view = pattern.callback.view_class  # type: ignore[attr-defined]
        for method in HTTP_METHODS:
            if handler := getattr(view, method.lower(), None):
                yield method, path, handler.required_scope


ENDPOINTS = list(endpoints())


def key_with(cast: Cast, *scopes: str) -> Caller:
    return Caller(
        issue_api_key(organization=cast.acme, name="some", created_by=cast.alice, scopes=scopes).token
    )


def test_the_sweep_sees_every_endpoint() -> None:
    assert len(ENDPOINTS) == 9


@pytest.mark.parametrize(("method", "path", "scope"), ENDPOINTS)
def test_without_a_key_nothing_opens(db: None, method: str, path: str, scope: str) -> None:
    reply = Caller(None).call(method, path)
    assert (reply.status, reply.code) == (401, "api_key_missing")
    assert reply.headers["WWW-Authenticate"] == 'Bearer realm="zhenwen"'


@pytest.mark.parametrize(("method", "path", "scope"), ENDPOINTS)
def test_every_endpoint_needs_its_scope(cast: Cast, method: str, path: str, scope: str) -> None:
    others = [other for other in Scope.ALL if other != scope]
    reply = key_with(cast, *others).call(method, path)
    assert (reply.status, reply.code) == (403, "scope_missing")
    assert reply.json["required_scope"] == scope
    assert key_with(cast, scope).call(method, path).status not in (401, 403)


def test_both_headers_are_understood(cast: Cast) -> None:
    assert Caller(cast.acme_key).get("usage").status == 200
    assert Caller(None, {"X-API-Key": cast.acme_key}).get("usage").status == 200
    assert Caller(None, {"Authorization": f"bearer {cast.acme_key}"}).get("usage").status == 200


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "zw_live_x"])
def test_another_kind_of_authorization_is_no_key(db: None, header: str) -> None:
    assert Caller(None, {"Authorization": header}).get("usage").code == "api_key_missing"


def test_a_mistyped_and_a_foreign_key_are_told_apart(cast: Cast) -> None:
    assert Caller(cast.acme_key[:-2]).get("usage").code == "api_key_malformed"
    ApiKey.objects.filter(organization=cast.acme).delete()
    assert Caller(cast.acme_key).get("usage").code == "api_key_unknown"


def test_a_revoked_key_stops_working_with_the_next_call(cast: Cast, alice: Caller) -> None:
    assert alice.get("usage").status == 200
    revoke_api_key(api_key=ApiKey.objects.get(organization=cast.acme), revoked_by=cast.alice)
    reply = alice.get("usage")
    assert (reply.status, reply.code) == (401, "api_key_revoked")


def test_an_expired_key_is_refused(cast: Cast, alice: Caller) -> None:
    ApiKey.objects.filter(organization=cast.acme).update(expires_at=timezone.now() - timedelta(seconds=1))
    reply = alice.get("usage")
    assert (reply.status, reply.code) == (401, "api_key_expired")


def test_a_key_works_from_its_networks_only(cast: Cast) -> None:
    token = issue_api_key(
        organization=cast.acme, name="campus", created_by=cast.alice, allowed_networks=("10.1.0.0/16",)
    ).token
    assert Caller(token, address="10.1.2.3").get("usage").status == 200
    assert Caller(token, address="::ffff:10.1.2.3").get("usage").status == 200
    reply = Caller(token, address="10.2.0.1").get("usage")
    assert (reply.status, reply.code) == (403, "network_not_allowed")


def test_a_callers_word_about_its_address_counts_only_behind_a_proxy(
    cast: Cast, settings: LazySettings
) -> None:
    token = issue_api_key(
        organization=cast.acme, name="campus", created_by=cast.alice, allowed_networks=("10.1.0.0/16",)
    ).token
    pretending = Caller(token, {"X-Forwarded-For": "10.1.2.3"}, address="203.0.113.5")
    assert pretending.get("usage").code == "network_not_allowed"
    settings.TRUST_PROXY = True
    assert pretending.get("usage").status == 200
    # The proxy appends what it saw; what stood there before is the caller's invention.
    invented = Caller(token, {"X-Forwarded-For": "10.1.2.3, 203.0.113.5"}, address="127.0.0.1")
    assert invented.get("usage").code == "network_not_allowed"
    nonsense = Caller(token, {"X-Forwarded-For": "somewhere"}, address="127.0.0.1")
    assert nonsense.get("usage").code == "network_not_allowed"


def test_a_session_of_the_pages_opens_no_api(cast: Cast) -> None:
    response = cast.client_of(cast.alice).get("/api/v1/usage")
    assert response.status_code == 401


def test_replies_are_not_kept_by_caches(alice: Caller) -> None:
    assert alice.get("usage").headers["Cache-Control"] == "no-store"
