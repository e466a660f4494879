"""Issue, recognise and revoke API keys."""

from __future__ import annotations

import hmac
import secrets
import string
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from accounts.models import ApiKey, Organization, User
from accounts.services.remembered_keys import forget_key, remember_key
from zhenwen.audit.services import record_event

ALPHABET = string.ascii_letters + string.digits
PREFIX = "zw_live_"
LOOKUP_LENGTH = 12
SECRET_LENGTH = 32
CHECKSUM_LENGTH = 6
# A last-use time is worth one write a minute, not one a call.
LAST_USE_RESOLUTION = timedelta(minutes=1)


class Scope:
    DETECTIONS_WRITE = "detections:write"
    DETECTIONS_READ = "detections:read"
    USAGE_READ = "usage:read"
    ALL = (DETECTIONS_WRITE, DETECTIONS_READ, USAGE_READ)


class ApiKeyRefused(Exception):
    """The key cannot be used; `code` says why: malformed, unknown, revoked, expired, network_not_allowed."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class IssuedApiKey:
    api_key: ApiKey
    token: str  # shown once


def issue_api_key(
    *,
    organization: Organization,
    name: str,
    created_by: User | None,
    scopes: tuple[str, ...] = Scope.ALL,
    allowed_networks: tuple[str, ...] = (),
    expires_at: datetime | None = None,
) -> IssuedApiKey:
    """Raises ValueError for an unknown scope or a network that is none."""
    unknown = set(scopes) - set(Scope.ALL)
    if unknown:
        raise ValueError(f"unknown scopes: {sorted(unknown)}")
    for network in allowed_networks:
        ip_network(network)
    lookup_id = _random_text(LOOKUP_LENGTH)
    secret = _random_text(SECRET_LENGTH)
    token = f"{PREFIX}{lookup_id}_{secret}{_checksum(lookup_id + secret)}"
    pepper_version = len(settings.API_KEY_PEPPERS) - 1
    api_key = ApiKey.objects.create(
        organization=organization,
        name=name,
        lookup_id=lookup_id,
        digest=_digest(secret, pepper_version),
        pepper_version=pepper_version,
        display_hint=f"{PREFIX}{lookup_id[:4]}…{token[-4:]}",
        scopes=list(scopes),
        allowed_networks=list(allowed_networks),
        created_by=created_by,
        expires_at=expires_at,
    )
    record_event(
        organization_id=organization.id,
        actor=created_by,
        action="api_key.issued",
        target=api_key.display_hint,
    )
    return IssuedApiKey(api_key=api_key, token=token)


def recognise_api_key(*, token: str, remote_address: str | None) -> ApiKey:
    """The usable key that this token is. Raises ApiKeyRefused otherwise."""
    lookup_id, secret = _split_token(token)
    api_key = ApiKey.objects.select_related("organization").filter(lookup_id=lookup_id).first()
    # The same work whether the key exists or not, so that timing tells nothing.
    expected = api_key.digest if api_key else "0" * 64
    version = api_key.pepper_version if api_key else 0
    matches = hmac.compare_digest(_digest(secret, version), expected)
    if api_key is None or not matches or not api_key.organization.is_active:
        raise ApiKeyRefused("unknown")
    now = timezone.now()
    if api_key.revoked_at is not None:
        raise ApiKeyRefused("revoked")
    if api_key.expires_at is not None and api_key.expires_at <= now:
        raise ApiKeyRefused("expired")
    if api_key.allowed_networks and not _address_in(remote_address, api_key.allowed_networks):
        raise ApiKeyRefused("network_not_allowed")
    _note_use(api_key, now)
    remember_key(api_key=api_key, remote_address=remote_address)
    return api_key


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """What a token says of itself: enough to find it among the remembered keys."""

    lookup_id: str
    digest: str


def presented_key(token: str) -> PresentedKey:
    """Under the newest pepper; a key of an older one, or a mistyped one, is simply not remembered.

    Raises ApiKeyRefused.
    """
    lookup_id, secret, _ = _parts_of(token)
    return PresentedKey(lookup_id, _digest(secret, len(settings.API_KEY_PEPPERS) - 1))


def revoke_api_key(*, api_key: ApiKey, revoked_by: User | None) -> None:
    """Takes effect with the next call; revoking twice changes nothing."""
    revoked = ApiKey.objects.filter(pk=api_key.pk, revoked_at=None).update(revoked_at=timezone.now())
    forget_key(lookup_id=api_key.lookup_id)
    if revoked:
        record_event(
            organization_id=api_key.organization_id,
            actor=revoked_by,
            action="api_key.revoked",
            target=api_key.display_hint,
        )


def _note_use(api_key: ApiKey, now: datetime) -> None:
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USE_RESOLUTION)
    if api_key.last_used_at is None or api_key.last_used_at < now - LAST_USE_RESOLUTION:
        ApiKey.objects.filter(stale, pk=api_key.pk).update(last_used_at=now)


def _split_token(token: str) -> tuple[str, str]:
    """Lookup id and secret of a token without a slip of the pen."""
    lookup_id, secret, checksum = _parts_of(token)
    if not hmac.compare_digest(checksum, _checksum(lookup_id + secret)):
        raise ApiKeyRefused("malformed")
    return lookup_id, secret


def _parts_of(token: str) -> tuple[str, str, str]:
    body = token.removeprefix(PREFIX)
    lookup_id, _, rest = body.partition("_")
    secret, checksum = rest[:SECRET_LENGTH], rest[SECRET_LENGTH:]
    well_formed = (
        token.startswith(PREFIX)
        and token.isascii()
        and len(lookup_id) == LOOKUP_LENGTH
        and len(secret) == SECRET_LENGTH
        and len(checksum) == CHECKSUM_LENGTH
    )
    if not well_formed:
        raise ApiKeyRefused("malformed")
    return lookup_id, secret, checksum


def _digest(secret: str, pepper_version: int) -> str:
    pepper = settings.API_KEY_PEPPERS[pepper_version]
    return hmac.digest(pepper.encode(), secret.encode(), "sha256").hex()


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    characters = []
    for _ in range(CHECKSUM_LENGTH):
        number, index = divmod(number, len(ALPHABET))
        characters.append(ALPHABET[index])
    return "".join(characters)


def _random_text(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _address_in(address: str | None, networks: list[str]) -> bool:
    return address is not None and any(ip_address(address) in ip_network(network) for network in networks)
