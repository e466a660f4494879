"""Servers the operator brings along (DATABASE_URL, REDIS_URL): are they there, and new enough?"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from zhenwen.supervisor.console import StartError

POSTGRES_MAJOR_AT_LEAST = 15
REDIS_MAJOR_AT_LEAST = 7


def require_postgres(url: str) -> str:
    """The version as text. Raises StartError when unreachable, too old, or not allowed to make roles."""
    import psycopg

    if urlsplit(url).scheme not in ("postgres", "postgresql"):
        raise StartError(
            "DATABASE_URL 必须以 postgres:// 或 postgresql:// 开头。",
            "DATABASE_URL must begin with postgres:// or postgresql://.",
        )
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            version = connection.info.server_version
            row = connection.execute(
                "SELECT rolcreaterole OR rolsuper"
                " OR EXISTS (SELECT FROM pg_roles WHERE rolname = 'zhenwen_app')"
                " FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except psycopg.Error as error:
        reason = (str(error).strip().splitlines() or ["?"])[0]
        raise StartError(
            f"无法连接 DATABASE_URL 指定的 PostgreSQL：{reason}",
            f"Cannot connect to the PostgreSQL of DATABASE_URL: {reason}",
        ) from None
    if version // 10000 < POSTGRES_MAJOR_AT_LEAST:
        raise StartError(
            f"PostgreSQL 版本过低：{version // 10000}，需要 {POSTGRES_MAJOR_AT_LEAST} 或更高。",
            f"PostgreSQL {version // 10000} is too old; {POSTGRES_MAJOR_AT_LEAST} or newer is needed.",
        )
    if not row or not row[0]:
        raise StartError(
            "DATABASE_URL 的用户不能创建角色；请执行 ALTER ROLE … CREATEROLE。",
            "The user of DATABASE_URL may not make roles; run ALTER ROLE … CREATEROLE.",
        )
    return f"{version // 10000}.{version % 10000}"


def require_redis(url: str) -> str:
    """The version as text. Raises StartError when unreachable or too old."""
    import redis

    try:
        with redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5) as client:
            version = str(client.info("server")["redis_version"])
    except (redis.RedisError, ValueError) as error:
        raise StartError(
            f"无法连接 REDIS_URL 指定的 Redis：{error}", f"Cannot connect to the Redis of REDIS_URL: {error}"
        ) from None
    major = re.match(r"\d+", version)
    if major is None or int(major[0]) < REDIS_MAJOR_AT_LEAST:
        raise StartError(
            f"Redis 版本过低：{version}，需要 {REDIS_MAJOR_AT_LEAST} 或更高。",
            f"Redis {version} is too old; {REDIS_MAJOR_AT_LEAST} or newer is needed.",
        )
    return version


def without_password(url: str) -> str:
    """Fit to be shown."""
    parts = urlsplit(url)
    host = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
    return f"{parts.scheme}://{host}{parts.path}"
