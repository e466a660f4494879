"""Calls to warm workers that somebody waits for, without the cost of a queue of jobs.

A call is pushed with its weight and the name of the room in which its answer is waited for; a worker takes
many at once (zhenwen.jobs.taking) and answers each; whoever waits either gets the answer or gives the call
up, and one key decides which: it stands as long as the call is waited for, and is taken away once. What was
given up is dropped when it is taken. Nothing here is durable: the waiting process still holds the call and
does it another way when no answer comes.

Refusing at the door: the workers say how much weight they get done in a second, so that a script can tell
when a new call would begin, and how much of what waits is one tenant's.
"""

from __future__ import annotations

import math
import time

from zhenwen.jobs.presence import SILENT_SECONDS
from zhenwen.jobs.queues import shared_connection

WAIT_SECONDS_AT_MOST = 60
# A worker's word on its speed holds through quiet days: the burst that ends them must find it.
SPEED_SECONDS = 7 * 24 * 60 * 60
BLOCK_SECONDS = 4.0  # of one blocking command, less than the connection's patience

# inbox_delay(name, tenant, waiting at most): seconds until a new call would begin, -1 when too many wait; and
# how many of them are this tenant's. inbox_push(name, tenant, id, room, message, weight).
# inbox_answer(name, id, answer): 1, or 0 when the call was given up.
INBOX_LUA = f"""
local function inbox_delay(name, tenant, waiting_at_most)
  local waiting = redis.call('LLEN', 'inbox:' .. name)
  if waiting >= waiting_at_most then return -1, -1 end
  if waiting == 0 then return 0, 0 end
  local speed = tonumber(redis.call('GET', 'inbox:' .. name .. ':speed'))
  if not speed then return 0, 0 end
  local now = tonumber(redis.call('TIME')[1])
  local workers = redis.call('ZCOUNT', 'workers:' .. name, now - {SILENT_SECONDS}, '+inf')
  local all = tonumber(redis.call('GET', 'inbox:' .. name .. ':weight') or 0)
  local own = tonumber(redis.call('HGET', 'inbox:' .. name .. ':weights', tenant) or 0)
  speed = speed * math.max(1, workers)
  return all / speed, own / speed
end
local function inbox_push(name, tenant, id, room, message, weight)
  redis.call('SET', 'inbox:' .. name .. ':waits:' .. id, room, 'EX', {WAIT_SECONDS_AT_MOST})
  redis.call('RPUSH', 'inbox:' .. name, weight .. ' ' .. tenant .. ' ' .. id .. ' ' .. message)
  redis.call('INCRBY', 'inbox:' .. name .. ':weight', weight)
  redis.call('HINCRBY', 'inbox:' .. name .. ':weights', tenant, weight)
end
local function inbox_answer(name, id, answer)
  local waits = 'inbox:' .. name .. ':waits:' .. id
  local room = redis.call('GET', waits)
  if not room then return 0 end
  redis.call('DEL', waits)
  redis.call('RPUSH', 'inbox:' .. name .. ':answers:' .. room, id .. ' ' .. answer)
  redis.call('EXPIRE', 'inbox:' .. name .. ':answers:' .. room, {WAIT_SECONDS_AT_MOST})
  return 1
end
"""


class Inbox:
    """One queue's calls. Methods raise redis.RedisError."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._key = f"inbox:{name}"

    def wait_for_answer(self, call_id: str, *, ends_at: float) -> bytes | None:
        """The answer, or None at `ends_at` (of time.monotonic); whoever gets None must give the call up.

        For a call that waits in a room of its own, which bears its id.
        """
        client = shared_connection()
        while (seconds := ends_at - time.monotonic()) > 0:
            # In whole milliseconds, and never 0, which would wait forever.
            found = client.blpop([self.answers(call_id)], timeout=max(0.001, min(seconds, BLOCK_SECONDS)))
            if found is not None:
                return split_answer(found[1])[1]
        return None

    def give_up(self, call_id: str) -> bytes | None:
        """The answer if it was quicker; None: there is none and will be none."""
        client = shared_connection()
        if client.delete(self.waits(call_id)):
            return None
        found = client.lpop(self.answers(call_id))
        return split_answer(found)[1] if found else None

    def say_speed(self, weight_a_second: float) -> None:
        shared_connection().set(f"{self._key}:speed", round(weight_a_second, 3), ex=SPEED_SECONDS)

    def waiting_count(self) -> int:
        return int(shared_connection().llen(self._key))

    def answers(self, room: str) -> str:
        """The list that a room's answers come by."""
        return f"{self._key}:answers:{room}"

    def waits(self, call_id: str) -> str:
        """The key that stands while the call is waited for; whoever deletes it answers it or gives it up."""
        return f"{self._key}:waits:{call_id}"


def seconds_until_room(delay_seconds: float, *, at_most_seconds: float) -> int:
    """For Retry-After: when the queue, at its present speed, is short enough again."""
    return max(1, math.ceil(delay_seconds - at_most_seconds))


def split_answer(item: bytes) -> tuple[str, bytes]:
    """The call's id and its answer."""
    call_id, _, answer = item.partition(b" ")
    return call_id.decode(), answer
