"""Is the site alive, ready, healthy? Rooms above register what else a healthy site needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

CONNECT_TIMEOUT_SECONDS = 2

logger = structlog.get_logger(__name__)


class Status(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"  # it answers, but slower or less than it should
    UNHEALTHY = "unhealthy"  # it cannot do its work


@dataclass(frozen=True)
class Finding:
    """Something wrong, as a short English sentence fit for a monitor."""

    status: Status
    reason: str


Check = Callable[[], Iterator[Finding]]
_checks: dict[str, Check] = {}


def register_check(name: str, check: Check) -> None:
    """Run at every /health. It yields what is wrong; a second check of one name replaces the first."""
    _checks[name] = check


def readiness() -> list[Finding]:
    """What keeps this process from serving requests: PostgreSQL, its migrations, Valkey."""
    return [*_database(), *_redis()]


def health() -> tuple[Status, list[Finding]]:
    """The worst status, and all findings. Registered checks are skipped while the stores are away."""
    findings = readiness()
    if not findings:
        for name, check in _checks.items():
            findings += _outcome(name, check)
    worst = max((finding.status for finding in findings), key=list(Status).index, default=Status.HEALTHY)
    return worst, findings


def _outcome(name: str, check: Check) -> list[Finding]:
    try:
        return list(check())
    except Exception:  # a broken check must be seen as such, not as a broken page
        logger.exception("health check failed", check=name)
        return [Finding(Status.DEGRADED, f"The check of {name} failed.")]


def _database() -> Iterator[Finding]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if not _Migrations.applied:
            executor = MigrationExecutor(connection)
            _Migrations.applied = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        yield Finding(Status.UNHEALTHY, "PostgreSQL does not answer.")
    else:
        if not _Migrations.applied:
            yield Finding(Status.UNHEALTHY, "Migrations are waiting to be applied.")


class _Migrations:
    """Once applied they stay so for the life of a process; looking is slow."""

    applied = False


def _redis() -> Iterator[Finding]:
    timeout = CONNECT_TIMEOUT_SECONDS
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=timeout, socket_connect_timeout=timeout
        ) as client:
            client.ping()
    except redis.RedisError:
        yield Finding(Status.UNHEALTHY, "Valkey does not answer.")
