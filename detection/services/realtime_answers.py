"""Giving answers to whoever waits: answer, record, cached result and scores in one step, or none of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from detection.models import ModelVersion
from detection.reports.payload import detection_payload
from detection.reports.template import payload_template
from detection.services.caches import SEGMENT_SECONDS, ResultKey
from detection.services.realtime_calls import AdmittedCall
from detection.services.realtime_records import CallRecord, as_detection
from detection.services.realtime_terms import tolerated_fpr_in, written_terms
from detection.services.realtime_writer import STREAM
from zhenwen.jobs.inbox import INBOX_LUA
from zhenwen.jobs.queues import REALTIME, shared_connection
from zhenwen.jobs.scripts import Script
from zhenwen.jobs.taking import Taker
from zhenwen.observability.metrics import REALTIME_CALLS_TOTAL

# KEYS: the calls that the worker holds. ARGV: number of answers; of each its call, template, record,
# result's name, name of the text's results, characters that each use of it is charged; seconds to keep
# results; then scores: name and value.
# An answer without a template says that there will be none. Returns 1 for each that somebody waits for.
_GIVE = Script(
    f"""
{INBOX_LUA}
local given, last = {{}}, 1 + 6 * ARGV[1]
local seconds = ARGV[last + 1]
for i = 2, last, 6 do
  local call, template, record, result, results, characters = unpack(ARGV, i, i + 5)
  redis.call('HDEL', KEYS[1], call)
  local was_given = inbox_answer('{REALTIME}', call, template)
  if was_given == 1 and template ~= '' then
    redis.call('XADD', '{STREAM}', '*', 'record', record)
    redis.call('SET', result, characters .. ' ' .. template, 'EX', seconds)
    redis.call('SADD', results, result)
    redis.call('EXPIRE', results, seconds)
  end
  given[#given + 1] = was_given
end
for i = last + 2, #ARGV, 2 do
  redis.call('SET', ARGV[i], ARGV[i + 1], 'EX', {SEGMENT_SECONDS})
end
return given
"""
)


@dataclass(frozen=True, slots=True)
class Answer:
    """`record` is None when the worker has none to give: whoever waits must do it another way."""

    call_id: str
    weight: int
    template: bytes = b""
    record: CallRecord | None = None
    key: ResultKey | None = None

    @classmethod
    def none_for(cls, admitted: AdmittedCall) -> Answer:
        return cls(admitted.call.call_id, admitted.call.weight)

    @classmethod
    def with_record(cls, admitted: AdmittedCall, record: CallRecord, version: ModelVersion) -> Answer:
        terms = written_terms(version.digest, version.calibration_digest, tolerated_fpr_in(admitted.terms))
        return cls(
            admitted.call.call_id,
            admitted.call.weight,
            payload_template(detection_payload(as_detection(record))),
            record,
            ResultKey(admitted.organization_id, admitted.call.text_sha256, terms),
        )


def give_answers(answers: Sequence[Answer], *, taker: Taker, scores: Sequence[tuple[str, str]] = ()) -> None:
    """One round trip for all, and for `scores` to remember. Raises redis.RedisError."""
    arguments: list[str | bytes | int] = [len(answers)]
    for answer in answers:
        record, key = answer.record, answer.key
        arguments += [
            answer.call_id,
            answer.template,
            record.encoded() if record else b"",
            key.name if key else "",
            key.of_text if key else "",
            record.charged_characters if record else 0,
        ]
    arguments.append(settings.RESULT_CACHE_SECONDS)
    arguments += [word for score in scores for word in score]
    given = _GIVE.run(shared_connection(), keys=[taker.held], args=arguments)
    for answer, was_given in zip(answers, given, strict=True):
        outcome = "none" if answer.record is None else "answered" if was_given else "too_late"
        REALTIME_CALLS_TOTAL.labels(outcome).inc()
