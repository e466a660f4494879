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

# For scripts that take from buckets among other things. Redis' own clock, so that hosts agree.
# tokens_left(bucket, capacity, window in seconds, now) and keep_tokens(bucket, tokens, window, now).
BUCKETS_LUA = """
local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local function tokens_left(bucket, capacity, window, now)
  local kept = redis.call('HMGET', bucket, 'tokens', 'at')
  local tokens, at = tonumber(kept[1]) or capacity, tonumber(kept[2]) or now
  return math.min(capacity, tokens + math.max(0, now - at) * capacity / window)
end
local function keep_tokens(bucket, tokens, window, now)
  redis.call('HSET', bucket, 'tokens', string.format('%.6f', tokens), 'at', string.format('%.6f', now))
  redis.call('EXPIRE', bucket, math.ceil(window) + 1)
end
"""

# KEYS: buckets. ARGV: capacity and window in seconds of each.
# Returns {1 or 0, tokens left in the first bucket, tokens left in the second, …} as text.
_TAKE_ALL = (
    BUCKETS_LUA
    + """
local now, left, passed = clock(), {}, 1
for i, bucket in ipairs(KEYS) do
  left[i] = tokens_left(bucket, tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i]), now)
  if left[i] < 1 then passed = 0 end
end
local reply = {tostring(passed)}
for i, bucket in ipairs(KEYS) do
  if passed == 1 then
    left[i] = left[i] - 1
    keep_tokens(bucket, left[i], tonumber(ARGV[2 * i]), now)
  end
  reply[i + 1] = string.format('%.6f', left[i])
end
return reply
"""
)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A bucket of `requests` tokens that fills up again within `window_seconds`."""

    name: str  # what the header calls it: key, organization
    bucket: str  # whose it is
    requests: int
    window_seconds: int

    @property
    def name_in_redis(self) -> str:
        return f"ratelimit:{self.bucket}"


@dataclass(frozen=True, slots=True)
class RateDecision:
    passed: bool
    headers: dict[str, str]  # RateLimit-Policy, RateLimit, and Retry-After when refused; empty when unknown


def take_from(limits: Sequence[RateLimit]) -> RateDecision:
    """One token from every bucket, or none from any."""
    arguments = [number for limit in limits for number in (limit.requests, limit.window_seconds)]
    try:
        passed, *left = _take_all()(keys=[limit.name_in_redis for limit in limits], args=arguments)
    except redis.RedisError as error:
        logger.warning("rate limit unknown", error=type(error).__name__)
        _counter("unknown").inc()
        return RateDecision(passed=True, headers={})
    return decided(limits, [float(tokens) for tokens in left], admitted=int(passed) == 1)


def decided(limits: Sequence[RateLimit], left: Sequence[float], *, admitted: bool) -> RateDecision:
    """What a script decided that left so many tokens in each bucket."""
    _counter("passed" if admitted else "refused").inc()
    return RateDecision(passed=admitted, headers=_headers(limits, left, admitted=admitted))


def _headers(limits: Sequence[RateLimit], left: Sequence[float], *, admitted: bool) -> dict[str, str]:
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
def _counter(outcome: str) -> Counter:
    """Finding a counter by its label costs more than counting."""
    return RATE_LIMIT_TOTAL.labels(outcome)


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
