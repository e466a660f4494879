"""One PostgreSQL URL into Django's DATABASES entry."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from zhenwen.settings.env import SettingsError

# Every connection of the site and its workers takes this role: neither owner nor superuser, so that
# row-level security binds it. Migrations run with an empty DATABASE_ROLE, as the owner.
RUNTIME_ROLE = "zhenwen_app"
# May read and write across tenants; taken for the length of one transaction by operator_scope().
OPERATOR_ROLE = "zhenwen_operator"


def database_from_url(url: str, *, role: str) -> dict[str, Any]:
    """Raises SettingsError unless the URL is postgres://… or postgresql://…"""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise SettingsError("DATABASE_URL must begin with postgres:// or postgresql://")
    query = dict(parse_qsl(parts.query))
    options: dict[str, Any] = {name: value for name, value in query.items() if name != "host"}
    if role:
        options["options"] = f"-c role={role}"
    return {
        "ENGINE": "django_prometheus.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.get("host") or parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }
