"""The door of realtime calls: one round trip to Valkey decides, and does what it decided.

`ask_all` is for callers whose API key is remembered: key, rate limits, allowance, cached answer or place in
the inbox, all in one script, so that nothing can change between two of them; it takes many calls at once,
because coming and going costs more than what the script does for one. `admit` is for a call whose caller was
recognised, and counted against the rate limits, before.

What the script cannot decide alone it leaves untouched, and the ordinary way decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings

from accounts.services.remembered_keys import REMEMBERED_KEYS_LUA
from detection.services.realtime_calls import RealtimeCall, call_fields
from detection.services.realtime_terms import TERMS_LUA
from detection.services.realtime_usage import ALLOWANCE_LUA
from zhenwen.http.rate_limits import BUCKETS_LUA, RateLimit
from zhenwen.jobs.inbox import INBOX_LUA, seconds_until_room
from zhenwen.jobs.queues import REALTIME, AsyncConnection, shared_connection
from zhenwen.jobs.scripts import Script

# What the scripts answer first.
UNDECIDED, ANSWERED, RATE_LIMITED, ADMITTED, OVERLOADED, FORGOTTEN = range(6)

# too_busy(organization, most waiting, longest delay, seconds to the deadline): the delay as text if the call
# must be refused, else nil. One institution alone may fill the inbox up to the longest delay; who has less
# than half of that waiting still finds room when another has done so.
# enter(organization, terms, label, call, room, weight, fields).
_ENTER_LUA = f"""
local function too_busy(organization, waiting_at_most, delay_at_most, deadline)
  local delay, own = inbox_delay('{REALTIME}', organization, tonumber(waiting_at_most))
  if delay < 0 then return tostring(delay_at_most + 1) end
  local crowded = own > delay_at_most or (delay > delay_at_most and own > delay_at_most / 2)
  if crowded or delay > 1.5 * delay_at_most or delay > deadline then return tostring(delay) end
  return nil
end
local function enter(organization, terms, label, call, room, weight, fields)
  hold_characters(organization, call, weight)
  local message = organization .. '\\n' .. terms .. '\\n' .. label .. '\\n' .. fields
  inbox_push('{REALTIME}', organization, call, room, message, weight)
end
"""

# The call waits in a room of its own.
# ARGV: organization, terms, label, call id, weight, fields, most waiting, longest delay, deadline.
_ADMIT = Script(
    f"""
{ALLOWANCE_LUA} {INBOX_LUA} {_ENTER_LUA}
local remaining = remaining_characters(ARGV[1])
if not remaining or remaining < tonumber(ARGV[5]) then return {{{UNDECIDED}}} end
local busy = too_busy(ARGV[1], ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9]))
if busy then return {{{OVERLOADED}, busy}} end
enter(ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[4], ARGV[5], ARGV[6])
return {{{ADMITTED}}}
"""
)

# ARGV: scope; capacity of a key's bucket, of an organization's, window; most waiting, longest delay; room;
# then of each call: lookup id, digest, address; text's digest, call id, weight, fields ('': from the cache or
# not at all), seconds to the deadline. A call that fails is left undecided and spoils no other. What calls of
# one caller have in common is read once for all of them, and its buckets are written once.
_ASK = Script(
    f"""
{REMEMBERED_KEYS_LUA} {BUCKETS_LUA} {TERMS_LUA} {ALLOWANCE_LUA} {INBOX_LUA} {_ENTER_LUA}
local scope, room, now = ARGV[1], ARGV[7], clock()
local key_capacity, own_capacity, window = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local waiting_at_most, delay_at_most = ARGV[5], tonumber(ARGV[6])
local callers, terms_of, left_in, taken_from = {{}}, {{}}, {{}}, {{}}

local function caller(lookup_id, digest, address)
  local name = lookup_id .. ' ' .. digest .. ' ' .. address
  if callers[name] == nil then
    callers[name] = remembered_key(lookup_id, digest, address, scope) or false
  end
  return callers[name]
end
local function terms_for(organization)
  if terms_of[organization] == nil then terms_of[organization] = realtime_terms(organization) end
  return terms_of[organization]
end
local function left(bucket, capacity)
  if not left_in[bucket] then left_in[bucket] = tokens_left(bucket, capacity, window, now) end
  return left_in[bucket]
end
local function take(bucket)
  left_in[bucket], taken_from[bucket] = left_in[bucket] - 1, true
  return left_in[bucket]
end

local function decide(lookup_id, digest, address, text, call, weight, fields, deadline)
  local known = caller(lookup_id, digest, address)
  if not known then return {{{FORGOTTEN}}} end
  local organization, key, label, seconds = unpack(known)
  local terms = terms_for(organization)
  local remaining = remaining_characters(organization)
  if not terms or not remaining then return {{{FORGOTTEN}}} end
  local result = redis.call('GET', 'result:' .. organization .. ':' .. text .. ':' .. terms)
  local characters = result and tonumber(string.match(result, '^%d+')) or tonumber(weight)
  if remaining < characters or (not result and fields == '') then return {{{UNDECIDED}}} end

  local key_bucket = 'ratelimit:{{' .. organization .. '}}:key:' .. key
  local own_bucket = 'ratelimit:{{' .. organization .. '}}'
  local key_left, own_left = left(key_bucket, key_capacity), left(own_bucket, own_capacity)
  local function outcome(status, word)
    return {{status, organization, string.format('%.6f %.6f', key_left, own_left), word, seconds}}
  end
  if key_left < 1 or own_left < 1 then return outcome({RATE_LIMITED}, '') end
  key_left, own_left = take(key_bucket), take(own_bucket)

  if result then
    count_use(organization, characters)
    return outcome({ANSWERED}, result)
  end
  local busy = too_busy(organization, waiting_at_most, delay_at_most, tonumber(deadline))
  if busy then return outcome({OVERLOADED}, busy) end
  enter(organization, terms, label, call, room, weight, fields)
  return outcome({ADMITTED}, label)
end

local outcomes = {{}}
for i = 8, #ARGV, 8 do
  local is_decided, outcome = pcall(decide, unpack(ARGV, i, i + 7))
  outcomes[#outcomes + 1] = is_decided and outcome or {{{UNDECIDED}}}
end
-- A limit is not worth losing what was decided.
for bucket in pairs(taken_from) do pcall(keep_tokens, bucket, left_in[bucket], window, now) end
return outcomes
"""
)


@dataclass(frozen=True, slots=True)
class Question:
    """A call and who says to be calling. `may_wait`: without a cached answer, it goes to the inbox."""

    call: RealtimeCall
    lookup_id: str
    digest: str
    remote_address: str | None
    may_wait: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the door did. `left`: tokens in the buckets of the key and of the organization."""

    status: int
    organization_id: int = 0
    left: tuple[float, float] = (0.0, 0.0)
    template: bytes = b""  # of the cached answer
    label: str = ""  # of the key whose call was admitted
    retry_after_seconds: int = 0
    known_seconds: int = 0  # for so long the caller's key will be remembered


def request_limits(*, organization_id: int, api_key_id: int) -> Sequence[RateLimit]:
    """The buckets that every call takes from. One hash tag, so that a cluster keeps both on one node."""
    of_key, of_organization = settings.API_KEY_REQUESTS_A_MINUTE, settings.ORGANIZATION_REQUESTS_A_MINUTE
    return _request_limits(organization_id, api_key_id, of_key, of_organization)


@lru_cache(maxsize=1024)
def _request_limits(
    organization_id: int, api_key_id: int, of_key: int, of_organization: int
) -> Sequence[RateLimit]:
    tag, window_seconds = f"{{{organization_id}}}", 60
    return (
        RateLimit("key", f"{tag}:key:{api_key_id}", of_key, window_seconds),
        RateLimit("organization", tag, of_organization, window_seconds),
    )


async def ask_all(
    questions: Sequence[Question], *, scope: str, room: str, client: AsyncConnection
) -> list[Outcome]:
    """Of calls that wait, if they do, in this room. Raises redis.RedisError."""
    key_limit, own_limit = request_limits(organization_id=0, api_key_id=0)
    arguments: list[str | int | float] = [
        scope,
        key_limit.requests,
        own_limit.requests,
        key_limit.window_seconds,
        settings.REALTIME_WAITING_AT_MOST,
        settings.REALTIME_DELAY_SECONDS_AT_MOST,
        room,
    ]
    for question in questions:
        call = question.call
        arguments += [
            question.lookup_id,
            question.digest,
            question.remote_address or "",
            call.text_sha256,
            call.call_id,
            call.weight,
            call_fields(call) if question.may_wait else "",
            call.deadline_at - call.asked_at,
        ]
    return [_outcome(found) for found in await _ASK.run_async(client, args=arguments)]


def admit(*, organization_id: int, terms: str, label: str, call: RealtimeCall) -> Outcome:
    """Raises redis.RedisError."""
    found = _ADMIT.run(
        shared_connection(),
        args=[
            organization_id,
            terms,
            label,
            call.call_id,
            call.weight,
            call_fields(call),
            settings.REALTIME_WAITING_AT_MOST,
            settings.REALTIME_DELAY_SECONDS_AT_MOST,
            call.deadline_at - call.asked_at,
        ],
    )
    status = int(found[0])
    if status == OVERLOADED:
        return Outcome(status, retry_after_seconds=_retry_after_seconds(found[1]))
    return Outcome(status)


def _outcome(found: Sequence[Any]) -> Outcome:
    status = int(found[0])
    if status in (UNDECIDED, FORGOTTEN):
        return Outcome(status)
    _, organization_id, left, word, known_seconds = found
    key_left, own_left = left.split()
    return Outcome(
        status,
        organization_id=int(organization_id),
        left=(float(key_left), float(own_left)),
        template=word.partition(b" ")[2] if status == ANSWERED else b"",
        label=word.decode() if status == ADMITTED else "",
        retry_after_seconds=_retry_after_seconds(word) if status == OVERLOADED else 0,
        known_seconds=known_seconds,
    )


def _retry_after_seconds(delay: bytes) -> int:
    return seconds_until_room(float(delay), at_most_seconds=settings.REALTIME_DELAY_SECONDS_AT_MOST)
