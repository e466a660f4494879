"""Characters of cached realtime answers: counted in Valkey, booked into the ledger by the sweeper.

A power loss of Valkey costs what its append-only file, written once a second, had not yet kept; without such
a file, what was not yet booked. That goes unbilled; nothing is ever billed twice.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from redis import Redis, RedisError

from zhenwen.jobs.queues import shared_connection
from zhenwen.ledger.services import charge_characters, current_allowance
from zhenwen.tenancy.scope import tenant_scope

REMAINING_SECONDS = 5
_PENDING = "realtime:pending:"
_SETTLING = "realtime:settling"  # the set of counts that are being booked, each a key of its own
_REMAINING = "realtime:remaining:"
_ORGANIZATIONS = "realtime:organizations"
_BOOKED = "realtime:booked:"  # exists while the last booking is recent

# Result and room for it in one step: {1, result}, {0} room unknown, {-1, asked, left} no room, {-2} none.
_TAKE = """
local result = redis.call('GET', KEYS[1])
if not result then return {-2} end
local remaining = redis.call('GET', KEYS[2])
if not remaining then return {0} end
local characters = tonumber(string.match(result, '^%d+'))
if tonumber(remaining) < characters then return {-1, characters, tonumber(remaining)} end
redis.call('DECRBY', KEYS[2], characters)
redis.call('INCRBY', KEYS[3], characters)
redis.call('SADD', KEYS[4], ARGV[1])
return {1, result}
"""


class NoRoom(Exception):
    """The allowance does not hold this many characters any more."""

    def __init__(self, characters: int, remaining_characters: int) -> None:
        super().__init__(characters, remaining_characters)
        self.characters = characters
        self.remaining_characters = remaining_characters


def take_cached_result(*, organization_id: int, result_key: str) -> bytes | None:
    """The cached result, its characters counted; None when there is none. Raises NoRoom, redis.RedisError."""
    client = shared_connection()
    keys = [
        result_key,
        f"{_REMAINING}{organization_id}",
        f"{_PENDING}{organization_id}",
        _ORGANIZATIONS,
    ]
    take = client.register_script(_TAKE)
    for _attempt in range(2):
        status, *found = take(keys=keys, args=[organization_id])
        if status == 1:
            return bytes(found[0])
        if status == -1:
            raise NoRoom(*found)
        if status == -2:
            return None
        _refresh_remaining(organization_id)
    return None


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


def _refresh_remaining(organization_id: int) -> None:
    with tenant_scope(organization_id):
        remaining = current_allowance(organization_id=organization_id).remaining_characters
    remaining -= pending_characters(organization_id=organization_id)
    shared_connection().set(f"{_REMAINING}{organization_id}", max(0, remaining), ex=REMAINING_SECONDS)
