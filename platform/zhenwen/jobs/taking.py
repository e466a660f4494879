"""A worker's side of an inbox: taking calls, holding them until they are answered, and whose turn it is.

What a worker has taken stands under its name until it is answered or released. Workers sign a few times a
second; what one holds who has been silent for DEAD_SECONDS goes back to the front of the inbox, once: a call
that took a second worker down with it is left to whoever waits for it. A worker that was taken for dead while
it lived does work twice; its answers come first or too late, like any other's.

A standby takes calls only while no regular worker signs.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Sequence

from redis import Redis

from zhenwen.jobs.inbox import Inbox
from zhenwen.jobs.scripts import Script

SIGN_SECONDS = 0.4
# Some signs long, so that a busy machine raises no false alarm; one costs no more than work done twice.
DEAD_SECONDS = 2.0

_SIGN_LUA = """
local function milliseconds()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function sign(workers, regulars, worker, kind)
  redis.call('ZADD', workers, milliseconds(), worker)
  if kind == 'regular' then redis.call('ZADD', regulars, milliseconds(), worker) end
end
"""

# KEYS: all workers, regular ones. ARGV: worker, 'standby' or 'regular'.
_SIGN = Script(
    f"""
{_SIGN_LUA}
sign(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
"""
)

# What was taken no longer waits, and what was given up is dropped. An empty inbox weighs nothing, whatever a
# killed worker left uncounted.
# KEYS: inbox, weight, weights, all workers, regular ones, held by this one.
# ARGV: worker, its kind, at most, milliseconds of silence that mean death, how the names of held begin; names
# of values to be read as well. Returns items, and those values.
_TAKE = Script(
    f"""
{_SIGN_LUA}
sign(KEYS[4], KEYS[5], ARGV[1], ARGV[2])
local silent_since = milliseconds() - ARGV[4]
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', silent_since)) do
  local held = ARGV[5] .. worker
  for _, item in ipairs(redis.call('HVALS', held)) do
    local weight, message = string.match(item, '^(%d+)( .*)$')
    if weight ~= '0' then redis.call('LPUSH', KEYS[1], '0' .. message) end
  end
  redis.call('DEL', held)
  redis.call('ZREM', KEYS[4], worker)
  redis.call('ZREM', KEYS[5], worker)
end
local values = #ARGV > 5 and redis.call('MGET', unpack(ARGV, 6)) or {{}}
if ARGV[2] == 'standby' and redis.call('ZCARD', KEYS[5]) > 0 then return {{{{}}, values}} end

local taken = {{}}
for _, item in ipairs(redis.call('LPOP', KEYS[1], ARGV[3]) or {{}}) do
  local weight, tenant, id = string.match(item, '^(%d+) (%S+) (%S+) ')
  redis.call('DECRBY', KEYS[2], weight)
  redis.call('HINCRBY', KEYS[3], tenant, -weight)
  if redis.call('EXISTS', KEYS[1] .. ':waits:' .. id) == 1 then
    redis.call('HSET', KEYS[6], id, item)
    taken[#taken + 1] = item
  end
end
if redis.call('LLEN', KEYS[1]) == 0 then redis.call('DEL', KEYS[2], KEYS[3]) end
return {{taken, values}}
"""
)


class Taker:
    """One worker at an inbox. Methods raise redis.RedisError."""

    def __init__(self, inbox: Inbox, *, is_standby: bool = False) -> None:
        self.is_standby = is_standby
        self._kind = "standby" if is_standby else "regular"
        self._name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._inbox = f"inbox:{inbox.name}"
        self._workers, self._regulars = f"{self._inbox}:workers", f"{self._inbox}:regulars"
        self.held = f"{self._inbox}:held:{self._name}"

    def look(self, *, wait_seconds: float, client: Redis[bytes]) -> bytes | None:
        """The first message as soon as there is one, for whoever takes it; a standby sees none."""
        if self.is_standby:
            return None
        # From the front to the front: it is left where it is.
        item = client.execute_command("BLMOVE", self._inbox, self._inbox, "LEFT", "LEFT", wait_seconds)
        return None if item is None else _message(item)

    def take(self, *, at_most: int, client: Redis[bytes]) -> list[bytes]:
        """Messages, oldest first, none given up."""
        return self.take_and_read((), at_most=at_most, client=client)[0]

    def take_and_read(
        self, names: Sequence[str], *, at_most: int, client: Redis[bytes]
    ) -> tuple[list[bytes], list[bytes | None]]:
        """The same, and the values of some keys, in one round trip."""
        inbox = self._inbox
        items, values = _TAKE.run(
            client,
            keys=[
                inbox,
                f"{inbox}:weight",
                f"{inbox}:weights",
                self._workers,
                self._regulars,
                self.held,
            ],
            args=[self._name, self._kind, at_most, int(DEAD_SECONDS * 1000), f"{inbox}:held:", *names],
        )
        return [_message(item) for item in items], values

    def release(self, call_ids: Sequence[str], *, client: Redis[bytes]) -> None:
        """Nobody waits for these calls any more."""
        if call_ids:
            client.hdel(self.held, *call_ids)

    def sign(self, client: Redis[bytes]) -> None:
        """Still there."""
        _SIGN.run(client, keys=[self._workers, self._regulars], args=[self._name, self._kind])

    def leave(self, client: Redis[bytes]) -> None:
        """Not there any more; what is still held goes to others."""
        client.zadd(self._workers, {self._name: 0})
        client.zrem(self._regulars, self._name)


def _message(item: bytes) -> bytes:
    return item.split(b" ", 3)[3]
