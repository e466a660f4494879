"""API keys that were recognised a moment ago, in Valkey, so that one script can admit a call.

Remembered is the digest of the secret under the pepper, never the secret: `apikey:<lookup id>` is a hash from
"<digest>@<address>" (or "<digest>@*" for a key that works from everywhere) to what the key may do. For a few
seconds only; and what is withdrawn is forgotten at once and not remembered again by a call that read the row
before: the mark of its withdrawal outlives every such call.
"""

from __future__ import annotations

import time

import structlog
from redis import RedisError

from accounts.models import ApiKey
from zhenwen.jobs.queues import shared_connection
from zhenwen.jobs.scripts import Script

logger = structlog.get_logger(__name__)

REMEMBERED_SECONDS = 5
# Longer than a call can take from reading its key's row to remembering it.
WITHDRAWN_SECONDS = 300

# remembered_key(lookup id, digest, address, scope): of a usable key, {organization, key, hint, seconds left};
# else nil.
REMEMBERED_KEYS_LUA = """
local function remembered_key(lookup_id, digest, address, scope)
  local found = redis.call('HMGET', 'apikey:' .. lookup_id, digest .. '@*', digest .. '@' .. address)
  local known = found[1] or found[2]
  if not known then return nil end
  local until_seconds, organization, key, scopes, hint = string.match(known, '^(%S+) (%d+) (%d+) (%S+) (.*)$')
  local seconds = tonumber(until_seconds) - tonumber(redis.call('TIME')[1])
  if seconds <= 0 then return nil end
  if not string.find(',' .. scopes .. ',', ',' .. scope .. ',', 1, true) then return nil end
  return {organization, key, hint, seconds}
end
"""

_REMEMBER = Script(
    """
if redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
"""
)


def remember_key(*, api_key: ApiKey, remote_address: str | None) -> None:
    """After it was recognised. Without a server nothing is remembered and nothing else suffers."""
    address = remote_address if api_key.allowed_networks else "*"
    if address is None or not api_key.scopes:
        return
    ends_at = time.time() + REMEMBERED_SECONDS
    if api_key.expires_at is not None:
        ends_at = min(ends_at, api_key.expires_at.timestamp())
    known = (
        int(ends_at),
        api_key.organization_id,
        api_key.pk,
        ",".join(api_key.scopes),
        api_key.display_hint,
    )
    try:
        _REMEMBER.run(
            shared_connection(),
            keys=[f"apikey:{api_key.lookup_id}", f"apikey:withdrawn:{api_key.lookup_id}"],
            args=[f"{api_key.digest}@{address}", " ".join(map(str, known)), REMEMBERED_SECONDS],
        )
    except RedisError:
        logger.warning("API key not remembered")


def forget_key(*, lookup_id: str) -> None:
    """Its row says something else now. Call it in the transaction that changes the row."""
    try:
        pipeline = shared_connection().pipeline()
        pipeline.set(f"apikey:withdrawn:{lookup_id}", 1, ex=WITHDRAWN_SECONDS)
        pipeline.delete(f"apikey:{lookup_id}")
        pipeline.execute()
    except RedisError:
        logger.warning("API key not forgotten, it expires by itself", seconds=REMEMBERED_SECONDS)


def forget_keys_of(*, organization_id: int) -> None:
    for lookup_id in ApiKey.objects.filter(organization_id=organization_id).values_list(
        "lookup_id", flat=True
    ):
        forget_key(lookup_id=lookup_id)
