"""Secrets on their way from the request that made them to the one page that shows them.

That page is another request, so that loading it again makes nothing a second time. In between a secret lies
in the cache for a minute at most, never in the database, under the session that asked for it.
"""

from __future__ import annotations

from django.core.cache import cache

from accounts.web.access import MemberRequest

KEPT_SECONDS = 60


def keep_to_show(request: MemberRequest, secret: str, *, name: str) -> None:
    """For the next page of this session that takes `name`."""
    cache.set(_cache_key(request, name), secret, KEPT_SECONDS)


def take_to_show(request: MemberRequest, *, name: str) -> str | None:
    """Once; None for whoever comes later."""
    key = _cache_key(request, name)
    secret: str | None = cache.get(key)
    # Of two that come at once, only one deletes it.
    return secret if secret is not None and cache.delete(key) else None


def _cache_key(request: MemberRequest, name: str) -> str:
    return f"shown-once:{name}:{request.membership.organization.pk}:{request.session.session_key}"
