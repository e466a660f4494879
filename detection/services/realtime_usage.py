"""Characters of realtime calls between the door and the ledger.

A cached answer is counted in Valkey, in the step that hands it out, and booked into the ledger in bunches by
the sweeper. Any other call holds its characters from the door until its record, and with that its charge,
stands in the database (realtime_records), so that a crowd of calls cannot overdraw what one could not.

A power loss of Valkey costs what its append-only file, written once a second, had not yet kept; without such
a file, what was not yet booked. That goes unbilled; nothing is ever billed twice.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

from django.conf import settings
from redis import Redis, RedisError

from zhenwen.jobs.queues import AsyncConnection, shared_connection
from zhenwen.jobs.scripts import Script
from zhenwen.ledger.services import charge_characters, current_allowance
from zhenwen.tenancy.scope import tenant_scope

REMAINING_SECONDS = 5
# What nobody let go of, because two processes died at once, is free again after this.
HOLD_SECONDS = 600
# Longer than an Idempotency-Key is known.
COUNTED_SECONDS = 2 * 24 * 3600
_PENDING = "realtime:pending:"
_SETTLING = "realtime:settling"  # the set of counts that are being booked, each a key of its own
_REMAINING = "realtime:remaining:"
_HELD = "realtime:held:"  # a hash of calls: characters and the end of the hold, in seconds of the epoch
_ORGANIZATIONS = "realtime:organizations"
_BOOKED = "realtime:booked:"  # exists while the last booking is recent

# remaining_characters(organization): a number, or nil when the database was not asked lately.
# count_use(organization, characters); hold_characters(organization, call, characters).
ALLOWANCE_LUA = f"""
local function remaining_characters(organization)
  return tonumber(redis.call('GET', '{_REMAINING}' .. organization) or nil)
end
local function count_use(organization, characters)
  if characters == 0 then return end
  redis.call('DECRBY', '{_REMAINING}' .. organization, characters)
  redis.call('INCRBY', '{_PENDING}' .. organization, characters)
  redis.call('SADD', '{_ORGANIZATIONS}', organization)
end
local function hold_characters(organization, call, characters)
  redis.call('DECRBY', '{_REMAINING}' .. organization, characters)
  local ends_at = tonumber(redis.call('TIME')[1]) + {HOLD_SECONDS}
  redis.call('HSET', '{_HELD}' .. organization, call, characters .. ' ' .. ends_at)
end
"""

# Result and room for it in one step: {1, result}, {0} room unknown, {-1, asked, left} no room, {-2} none.
# KEYS: result, and what marks this use as counted, if anything does. ARGV: organization.
_TAKE = Script(
    ALLOWANCE_LUA
    + f"""
local result = redis.call('GET', KEYS[1])
if not result then return {{-2}} end
if KEYS[2] and redis.call('EXISTS', KEYS[2]) == 1 then return {{1, result}} end
local remaining = remaining_characters(ARGV[1])
if not remaining then return {{0}} end
local characters = tonumber(string.match(result, '^%d+'))
if remaining < characters then return {{-1, characters, remaining}} end
count_use(ARGV[1], characters)
if KEYS[2] then redis.call('SET', KEYS[2], 1, 'EX', {COUNTED_SECONDS}) end
return {{1, result}}
"""
)


class NoRoom(Exception):
    """The allowance does not hold this many characters any more."""

    def __init__(self, characters: int, remaining_characters: int) -> None:
        super().__init__(characters, remaining_characters)
        self.characters = characters
        self.remaining_characters = remaining_characters


def take_cached_result(*, organization_id: int, result_key: str, use_id: str | None) -> bytes | None:
    """The cached result, its characters counted, once for each `use_id` if there is one; None without result.

    Raises NoRoom, redis.RedisError.
    """
    keys = [result_key] if use_id is None else [result_key, f"realtime:counted:{use_id}"]
    for _attempt in range(2):
        status, *found = _TAKE.run(shared_connection(), keys=keys, args=[organization_id])
        if status == 1:
            return bytes(found[0])
        if status == -1:
            raise NoRoom(*found)
        if status == -2:
            return None
        refresh_remaining(organization_id=organization_id)
    return None


def let_go(*, organization_id: int, call_ids: Sequence[str], client: Redis[bytes]) -> None:
    """These calls hold nothing any more: charged, or never to be charged. Raises redis.RedisError."""
    if call_ids:
        client.hdel(f"{_HELD}{organization_id}", *call_ids)


async def let_go_async(*, organization_id: int, call_id: str, client: AsyncConnection) -> None:
    """Raises redis.RedisError."""
    await client.execute_command("HDEL", f"{_HELD}{organization_id}", call_id)


def is_held(*, organization_id: int, call_id: str) -> bool:
    """Whether the call was answered, or will be, and its record is still to be written."""
    try:
        return bool(shared_connection().hexists(f"{_HELD}{organization_id}", call_id))
    except RedisError:
        return False


def pending_characters(*, organization_id: int) -> int:
    """Counted but not yet booked; 0 when Valkey is away."""
    try:
        return int(shared_connection().get(f"{_PENDING}{organization_id}") or 0)
    except RedisError:
        return 0


def book_realtime_usage() -> int:
    """Move every organization's count into its ledger, now and then; how many were booked.

    A count is first renamed to a name of its own, which is also the ledger's reference: whoever dies between
    the two books leaves it to the next round, and the ledger takes each reference once.
    """
    client = shared_connection()
    for member in client.smembers(_ORGANIZATIONS):
        organization_id = int(member)
        if client.set(f"{_BOOKED}{organization_id}", 1, nx=True, ex=settings.REALTIME_BOOKING_SECONDS):
            _set_aside(client, organization_id)
    booked = 0
    for name in sorted(key.decode() for key in client.smembers(_SETTLING)):
        _, _, organization, reference = name.split(":")
        with tenant_scope(int(organization)):
            charge_characters(
                organization_id=int(organization),
                characters=int(client.get(name) or 0),
                reference=f"realtime:{reference}",
            )
        client.pipeline().delete(name).srem(_SETTLING, name).execute()
        booked += 1
    return booked


def _set_aside(client: Redis[bytes], organization_id: int) -> None:
    pending = f"{_PENDING}{organization_id}"
    pipeline = client.pipeline()
    pipeline.srem(_ORGANIZATIONS, organization_id)
    if client.exists(pending):
        name = f"{_SETTLING}:{organization_id}:{uuid.uuid4()}"
        pipeline.rename(pending, name).sadd(_SETTLING, name)
    pipeline.execute()


def refresh_remaining(*, organization_id: int) -> None:
    """Ask the database what is left, apart from what is counted or held here. Raises redis.RedisError."""
    with tenant_scope(organization_id):
        remaining = current_allowance(organization_id=organization_id).remaining_characters
    remaining -= pending_characters(organization_id=organization_id) + _held_characters(organization_id)
    shared_connection().set(f"{_REMAINING}{organization_id}", max(0, remaining), ex=REMAINING_SECONDS)


def _held_characters(organization_id: int) -> int:
    held, now = 0, time.time()
    over: list[str] = []
    for call_id, written in shared_connection().hgetall(f"{_HELD}{organization_id}").items():
        characters, ends_at = map(int, written.split())
        if ends_at < now:
            over.append(call_id.decode())
        else:
            held += characters
    let_go(organization_id=organization_id, call_ids=over, client=shared_connection())
    return held
