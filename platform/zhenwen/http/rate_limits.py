"""Token buckets in Redis: all of a request's buckets are checked first, then a token is taken from each.

Without Redis every request passes: a limit protects the service and must not be what stops it. Allowances,
which protect money, stand in PostgreSQL and fail closed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import redis
import structlog
from django.conf import settings
from prometheus_client import Counter
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

# A limit that takes longer than this to ask is not worth the wait.
TIMEOUT_SECONDS = 0.2

RATE_LIMIT_TOTAL = Counter(
    "zhenwen_rate_limit_total", "Requests at the rate limit.", ["outcome"]
)  # passed, refused, unknown

logger = structlog.get_logger("zhenwen.http")

# KEYS: buckets. ARGV: capacity and window in seconds of each. Redis' own clock, so that hosts agree.
# Returns {1 or 0, tokens left in the first bucket, tokens left in the second, …} as text.
_TAKE_ALL = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local left, passed = {}, 1
for i, key in ipairs(KEYS) do
  local capacity, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local bucket = redis.call('HMGET', key, 'tokens', 'at')
  local tokens, at = tonumber(bucket[1]) or capacity, tonumber(bucket[2]) or now
  tokens = math.min(capacity, tokens + math.max(0, now - at) * capacity / window)
  left[i] = tokens
  if tokens < 1 then passed = 0 end
end
local reply = {tostring(passed)}
for i, key in ipairs(KEYS) do
  if passed == 1 then
    left[i] = left[i] - 1
    redis.call('HSET', key, 'tokens', string.format('%.6f', left[i]), 'at', string.format('%.6f', now))
    redis.call('EXPIRE', key, math.ceil(tonumber(ARGV[2 * i])) + 1)
  end
  reply[i + 1] = string.format('%.6f', left[i])
end
return reply
"""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A bucket of `requests` tokens that fills up again within `window_seconds`."""

    name: str  # what the header calls it: key, organization
    bucket: str  # whose it is
    requests: int
    window_seconds: int


@dataclass(frozen=True, slots=True)
class RateDecision:
    passed: bool
    headers: dict[str, str]  # RateLimit-Policy, RateLimit, and Retry-After when refused; empty when unknown


def take_from(limits: Sequence[RateLimit]) -> RateDecision:
    """One token from every bucket, or none from any."""
    arguments = [number for limit in limits for number in (limit.requests, limit.window_seconds)]
    try:
        passed, *left = _take_all()(keys=[f"ratelimit:{limit.bucket}" for limit in limits], args=arguments)
    except redis.RedisError as error:
        logger.warning("rate limit unknown", error=type(error).__name__)
        RATE_LIMIT_TOTAL.labels("unknown").inc()
        return RateDecision(passed=True, headers={})
    admitted = int(passed) == 1
    RATE_LIMIT_TOTAL.labels("passed" if admitted else "refused").inc()
    return RateDecision(
        passed=admitted,
        headers=_headers(limits, [float(tokens) for tokens in left], admitted=admitted),
    )


def _headers(limits: Sequence[RateLimit], left: list[float], *, admitted: bool) -> dict[str, str]:
    """After draft-ietf-httpapi-ratelimit-headers: q quota, w window, r remaining, t seconds until full."""
    policies, states, waits = [], [], [0.0]
    for limit, tokens in zip(limits, left, strict=True):
        refill_seconds = limit.window_seconds / limit.requests
        policies.append(f'"{limit.name}";q={limit.requests};w={limit.window_seconds}')
        until_full = math.ceil((limit.requests - tokens) * refill_seconds)
        states.append(f'"{limit.name}";r={math.floor(tokens)};t={until_full}')
        waits.append((1 - tokens) * refill_seconds)
    headers = {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(states)}
    if not admitted:
        headers["Retry-After"] = str(max(1, math.ceil(max(waits))))
    return headers


@cache
def _take_all() -> Script:
    connection = redis.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return connection.register_script(_TAKE_ALL)
