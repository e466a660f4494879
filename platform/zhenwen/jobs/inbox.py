"""Calls to warm workers that somebody waits for, without the cost of a queue of jobs.

A call is pushed with its weight; a worker takes many at once and answers each; whoever waits either gets the
answer or gives the call up, and one script decides which. Nothing here is durable: the waiting process still
holds the call and does it another way when no answer comes.

Refusing at the door: the workers say how much weight they get done in a second, so that a script can tell
when a new call would begin, and how much of what waits is one tenant's.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from redis import Redis

from zhenwen.jobs.presence import SILENT_SECONDS
from zhenwen.jobs.queues import shared_connection
from zhenwen.jobs.scripts import Script

REPLY_SECONDS = 60
SPEED_SECONDS = 60  # for so long a worker's word on its speed holds
_WAIT_SECONDS = 4.0  # of one blocking command, less than the connection's patience

# inbox_delay(name, tenant, waiting at most): seconds until a new call would begin, -1 when too many wait; and
# how many of them are this tenant's. inbox_push(name, tenant, message, weight).
# inbox_answer(name, id, answer): 1, or 0 when the call was given up.
INBOX_LUA = f"""
local function inbox_delay(name, tenant, waiting_at_most)
  if redis.call('LLEN', 'inbox:' .. name) >= waiting_at_most then return -1, -1 end
  local speed = tonumber(redis.call('GET', 'inbox:' .. name .. ':speed'))
  if not speed then return 0, 0 end
  local now = tonumber(redis.call('TIME')[1])
  local workers = redis.call('ZCOUNT', 'workers:' .. name, now - {SILENT_SECONDS}, '+inf')
  local all = tonumber(redis.call('GET', 'inbox:' .. name .. ':weight') or 0)
  local own = tonumber(redis.call('HGET', 'inbox:' .. name .. ':weights', tenant) or 0)
  speed = speed * math.max(1, workers)
  return all / speed, own / speed
end
local function inbox_push(name, tenant, message, weight)
  redis.call('RPUSH', 'inbox:' .. name, weight .. ' ' .. tenant .. ' ' .. message)
  redis.call('INCRBY', 'inbox:' .. name .. ':weight', weight)
  redis.call('HINCRBY', 'inbox:' .. name .. ':weights', tenant, weight)
end
local function inbox_answer(name, id, answer)
  if redis.call('EXISTS', 'inbox:' .. name .. ':given_up:' .. id) == 1 then return 0 end
  redis.call('LPUSH', 'inbox:' .. name .. ':answer:' .. id, answer)
  redis.call('EXPIRE', 'inbox:' .. name .. ':answer:' .. id, {REPLY_SECONDS})
  return 1
end
"""

# What was taken no longer waits. An empty inbox weighs nothing, whatever a killed worker left uncounted.
# KEYS: inbox, weight, weights. ARGV: tenant and weight of each.
_TAKEN = Script(
    """
for i = 1, #ARGV, 2 do
  redis.call('DECRBY', KEYS[2], ARGV[i + 1])
  redis.call('HINCRBY', KEYS[3], ARGV[i], -ARGV[i + 1])
end
if redis.call('LLEN', KEYS[1]) == 0 then redis.call('DEL', KEYS[2], KEYS[3]) end
"""
)

# The answer that came after all, or nothing; then none will be given any more.
_GIVE_UP = Script(
    """
local answer = redis.call('LPOP', KEYS[1])
if not answer then redis.call('SET', KEYS[2], 1, 'EX', ARGV[1]) end
return answer
"""
)


@dataclass(frozen=True, slots=True)
class Taken:
    """A message from the inbox, whose it is and what was said of its weight."""

    message: bytes
    tenant: bytes
    weight: int


class Inbox:
    """One queue's calls. Methods raise redis.RedisError."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._key = f"inbox:{name}"

    def take(self, *, at_most: int, wait_seconds: float, client: Redis[bytes]) -> list[Taken]:
        """Oldest first; waits for the first one only."""
        found = client.execute_command("BLMPOP", wait_seconds, 1, self._key, "LEFT", "COUNT", at_most)
        if not found:
            return []
        taken = [_split(item) for item in found[1]]
        keys = [self._key, f"{self._key}:weight", f"{self._key}:weights"]
        _TAKEN.run(client, keys=keys, args=[word for item in taken for word in (item.tenant, item.weight)])
        return taken

    def wait_for_answer(self, call_id: str, *, ends_at: float) -> bytes | None:
        """The answer, or None at `ends_at` (of time.monotonic); whoever gets None must give the call up."""
        client = shared_connection()
        while (seconds := ends_at - time.monotonic()) > 0:
            # In whole milliseconds, and never 0, which would wait forever.
            found = client.blpop([self._answer(call_id)], timeout=max(0.001, min(seconds, _WAIT_SECONDS)))
            if found is not None:
                return bytes(found[1])
        return None

    def give_up(self, call_id: str) -> bytes | None:
        """The answer if it was quicker; None: there is none and will be none."""
        keys = [self._answer(call_id), f"{self._key}:given_up:{call_id}"]
        answer: bytes | None = _GIVE_UP.run(shared_connection(), keys=keys, args=[REPLY_SECONDS])
        return answer

    def say_speed(self, weight_a_second: float) -> None:
        shared_connection().set(f"{self._key}:speed", round(weight_a_second, 3), ex=SPEED_SECONDS)

    def waiting_count(self) -> int:
        return int(shared_connection().llen(self._key))

    def _answer(self, call_id: str) -> str:
        return f"{self._key}:answer:{call_id}"


def seconds_until_room(delay_seconds: float, *, at_most_seconds: float) -> int:
    """For Retry-After: when the queue, at its present speed, is short enough again."""
    return max(1, math.ceil(delay_seconds - at_most_seconds))


def _split(item: bytes) -> Taken:
    weight, tenant, message = item.split(b" ", 2)
    return Taken(message, tenant, int(weight))
