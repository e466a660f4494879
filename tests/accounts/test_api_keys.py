"""An API key opens exactly its own organization, and only while it should."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import ApiKey
from accounts.services.api_keys import (
    ApiKeyRefused,
    issue_api_key,
    recognise_api_key,
    revoke_api_key,
)
from tests.cast import Cast
from zhenwen.audit.models import AuditEvent
from zhenwen.tenancy.scope import tenant_scope


def refusal_of(token: str, remote_address: str | None = "127.0.0.1") -> str:
    with pytest.raises(ApiKeyRefused) as refused:
        recognise_api_key(token=token, remote_address=remote_address)
    return refused.value.code


def test_a_key_is_recognised_as_its_organizations(cast: Cast) -> None:
    api_key = recognise_api_key(token=cast.acme_key, remote_address="127.0.0.1")
    assert api_key.organization == cast.acme


def test_neither_token_nor_secret_is_stored(cast: Cast) -> None:
    secret = cast.acme_key.rsplit("_", 1)[1]
    stored = ApiKey.objects.filter(organization=cast.acme).values().get()
    assert all(secret[:8] not in str(value) for value in stored.values())


def test_a_mistyped_key_is_refused_before_the_database(
    cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert refusal_of(cast.acme_key[:-1] + ("x" if cast.acme_key[-1] != "x" else "y")) == "malformed"
        assert refusal_of("zw_live_") == "malformed"
        assert refusal_of("密钥") == "malformed"


def test_one_keys_lookup_does_not_open_with_anothers_secret(cast: Cast) -> None:
    own, other = ApiKey.objects.get(organization=cast.acme), ApiKey.objects.get(organization=cast.rival)
    own_lookup, other_lookup = own.lookup_id, other.lookup_id
    own.delete()
    ApiKey.objects.filter(pk=other.pk).update(lookup_id=own_lookup)
    assert other_lookup != own_lookup
    assert refusal_of(cast.acme_key) == "unknown"


def test_revocation_takes_effect_at_once(cast: Cast) -> None:
    api_key = recognise_api_key(token=cast.acme_key, remote_address=None)
    revoke_api_key(api_key=api_key, revoked_by=cast.alice)
    assert refusal_of(cast.acme_key) == "revoked"
    with tenant_scope(cast.acme.id):
        assert AuditEvent.objects.filter(action="api_key.revoked").count() == 1
    revoke_api_key(api_key=api_key, revoked_by=cast.alice)
    with tenant_scope(cast.acme.id):
        assert AuditEvent.objects.filter(action="api_key.revoked").count() == 1


def test_an_expired_key_is_refused(cast: Cast) -> None:
    ApiKey.objects.filter(organization=cast.acme).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert refusal_of(cast.acme_key) == "expired"


def test_a_key_bound_to_a_network_works_only_from_there(cast: Cast) -> None:
    token = issue_api_key(
        organization=cast.acme, name="campus", created_by=cast.alice, allowed_networks=("10.1.0.0/16",)
    ).token
    assert recognise_api_key(token=token, remote_address="10.1.2.3").organization == cast.acme
    assert refusal_of(token, "10.2.2.3") == "network_not_allowed"
    assert refusal_of(token, None) == "network_not_allowed"


def test_a_closed_organizations_key_is_refused(cast: Cast) -> None:
    cast.acme.is_active = False
    cast.acme.save()
    assert refusal_of(cast.acme_key) == "unknown"


def test_a_new_pepper_leaves_old_keys_working(cast: Cast, settings: Settings) -> None:
    settings.API_KEY_PEPPERS = [*settings.API_KEY_PEPPERS, "a newer pepper"]
    assert recognise_api_key(token=cast.acme_key, remote_address=None)
    newer = issue_api_key(organization=cast.acme, name="newer", created_by=cast.alice)
    assert newer.api_key.pepper_version == 1
    assert recognise_api_key(token=newer.token, remote_address=None)


def test_last_use_is_noted_once_a_minute(cast: Cast) -> None:
    recognise_api_key(token=cast.acme_key, remote_address=None)
    first = ApiKey.objects.get(organization=cast.acme).last_used_at
    recognise_api_key(token=cast.acme_key, remote_address=None)
    assert first is not None
    assert ApiKey.objects.get(organization=cast.acme).last_used_at == first
