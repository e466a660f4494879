"""A text in, its result in the same reply: from the cache, or from a warm worker within a deadline.

1. The same text a moment ago: the cached answer, counted in the step that hands it out.
2. Else the call goes to the realtime workers' inbox, and its answer is recorded and charged a moment after it
   was given (realtime_records).
3. Where that way is closed, or ends without an answer, the text is handed in like any other, under the same
   id: a row, a reservation, and a worker that finds it whatever happens. What is left of the deadline is
   waited for that.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError
from redis import RedisError

from detection.extraction import clean_text
from detection.extraction.errors import ErrorCode
from detection.models import Detection, Priority
from detection.reports.payload import detection_payload, notice
from detection.reports.template import filled_template
from detection.selectors.detections import detection_of
from detection.services.caches import ResultKey
from detection.services.lifecycle import cancel_unbegun
from detection.services.realtime_calls import INBOX, RealtimeCall
from detection.services.realtime_door import ADMITTED, OVERLOADED, UNDECIDED, admit
from detection.services.realtime_replies import wait_for_end
from detection.services.realtime_terms import terms_of
from detection.services.realtime_usage import (
    NoRoom,
    is_held,
    let_go,
    refresh_remaining,
    take_cached_result,
)
from detection.services.submission import (
    SubmissionRefused,
    Submitter,
    submit_text,
    text_sha256,
    title_for,
)
from zhenwen.jobs.queues import REALTIME, shared_connection, waiting_count
from zhenwen.ledger.services import AllowanceExceeded
from zhenwen.observability.metrics import REALTIME_CALLS_TOTAL
from zhenwen.tenancy.scope import tenant_scope

logger = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = 2
RECORD_SECONDS_AT_MOST = 2.0
# An answer that takes longer will not come: its worker has died. The call is then handed in, to be scored by
# whoever lives, in what is left of its deadline.
INBOX_SECONDS_AT_MOST = 8.0
_LOOK_SECONDS = 0.05


class Overloaded(Exception):
    """More calls wait than can be answered in time. Nothing was stored or charged."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(retry_after_seconds)
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class RealtimeOutcome:
    """`payload` is None while the detection is still running, which is then here."""

    detection: Detection | None
    payload: dict[str, Any] | None
    cached: bool = False


def detect_now(
    *,
    organization_id: int,
    text: str,
    submitter: Submitter,
    deadline_seconds: float,
    title: str = "",
    external_id: str = "",
    detection_id: uuid.UUID | None = None,
) -> RealtimeOutcome:
    """Opens its own short scopes, so that no transaction stays open while it waits.

    Called again with the `detection_id` of a call that died, it finds what that call has done, and charges
    nothing twice. Raises SubmissionRefused, AllowanceExceeded and Overloaded; in none of these cases anything
    is charged.
    """
    call = new_call(
        text=text,
        title=title,
        external_id=external_id,
        deadline_seconds=deadline_seconds,
        call_id=detection_id,
    )
    ends_at = time.monotonic() + deadline_seconds
    if detection_id is not None:
        found = find_detection(organization_id=organization_id, detection_id=detection_id)
        if found is not None:
            return _outcome(found, ends_at)
    terms = terms_of(organization_id=organization_id)
    if terms is not None:
        template = _cached_template(organization_id, call, terms, is_named=detection_id is not None)
        if template is not None:
            REALTIME_CALLS_TOTAL.labels("cached").inc()
            return RealtimeOutcome(
                detection=None, payload=json.loads(written(template, call, notice=notice())), cached=True
            )
        answer = _answer_of_worker(organization_id, call, terms, submitter)
        if answer:
            return RealtimeOutcome(detection=None, payload=json.loads(written(answer, call, notice=notice())))
    _refuse_if_crowded()
    return hand_in(organization_id=organization_id, call=call, submitter=submitter, ends_at=ends_at)


def new_call(
    *,
    text: str,
    title: str,
    external_id: str,
    deadline_seconds: float,
    call_id: uuid.UUID | None = None,
) -> RealtimeCall:
    """Raises SubmissionRefused for a text that is too long for this way."""
    limit = settings.REALTIME_CHARACTERS_AT_MOST
    if len(text) > limit:
        raise SubmissionRefused(ErrorCode.TOO_LONG, limit_characters=limit)
    now, cleaned = time.time(), clean_text(text)
    return RealtimeCall(
        call_id=str(call_id or uuid.uuid4()),
        text=cleaned,
        text_sha256=text_sha256(cleaned),
        title=title_for(title, cleaned),
        external_id=external_id,
        asked_at=now,
        deadline_at=now + min(deadline_seconds, INBOX_SECONDS_AT_MOST),
    )


def written(template: bytes, call: RealtimeCall, *, notice: str) -> bytes:
    """The answer in the words of this call: its title, its id, its language."""
    return filled_template(template, title=call.title, external_id=call.external_id, notice=notice)


def wait_for_answer(*, organization_id: int, call: RealtimeCall) -> bytes:
    """The template of the answer to a call in the inbox; empty when there is none and will be none."""
    ends_at = time.monotonic() + call.deadline_at - time.time()
    try:
        answer = INBOX.wait_for_answer(call.call_id, ends_at=ends_at)
        if answer is None:
            answer = INBOX.give_up(call.call_id)
        if not answer:
            let_go(organization_id=organization_id, call_ids=[call.call_id], client=shared_connection())
    except RedisError as error:
        logger.warning("answer not fetched", detection_id=call.call_id, error_type=type(error).__name__)
        return b""
    return answer or b""


def hand_in(
    *,
    organization_id: int,
    call: RealtimeCall,
    submitter: Submitter,
    ends_at: float,
    is_gone: Callable[[], bool] = lambda: False,
) -> RealtimeOutcome:
    """Make the call a durable detection and wait for its end.

    Once the client `is_gone` nobody waits, and what no worker has begun is cancelled: its client has no id to
    ask for it by. Raises SubmissionRefused and AllowanceExceeded.
    """
    detection = _handed_in(organization_id, call, submitter)
    outcome = _outcome(detection, ends_at, is_gone)
    if outcome.payload is None and is_gone():
        with tenant_scope(organization_id):
            cancel_unbegun(detection=detection, cancelled_by=submitter)
    return outcome


def _handed_in(organization_id: int, call: RealtimeCall, submitter: Submitter) -> Detection:
    """The one that stands already if its record was quicker."""
    REALTIME_CALLS_TOTAL.labels("durable").inc()
    try:
        with tenant_scope(organization_id):
            return submit_text(
                organization_id=organization_id,
                text=call.text,
                submitter=submitter,
                title=call.title,
                external_id=call.external_id,
                priority=Priority.REALTIME,
                detection_id=uuid.UUID(call.call_id),
            )
    except IntegrityError:
        # The worker's record was written at this very moment.
        found = _detection_of(organization_id, call.call_id)
        if found is None:
            raise
        return found


def find_detection(*, organization_id: int, detection_id: uuid.UUID) -> Detection | None:
    """Of an id that may have been given out a moment ago: waits for its record to be written."""
    ends_at = time.monotonic() + RECORD_SECONDS_AT_MOST
    found, is_coming = _detection_of(organization_id, detection_id), True
    while found is None and is_coming and time.monotonic() < ends_at:
        is_coming = is_held(organization_id=organization_id, call_id=str(detection_id))
        if is_coming:
            time.sleep(_LOOK_SECONDS)
        found = _detection_of(organization_id, detection_id)
    return found


def _detection_of(organization_id: int, detection_id: object) -> Detection | None:
    with tenant_scope(organization_id):
        return detection_of(organization_id=organization_id, detection_id=str(detection_id))


def _cached_template(organization_id: int, call: RealtimeCall, terms: str, *, is_named: bool) -> bytes | None:
    key = ResultKey(organization_id, call.text_sha256, terms)
    try:
        found = take_cached_result(
            organization_id=organization_id,
            result_key=key.name,
            use_id=call.call_id if is_named else None,
        )
    except NoRoom as error:
        raise AllowanceExceeded(
            asked_characters=error.characters, remaining_characters=error.remaining_characters
        ) from None
    except RedisError:
        return None
    return None if found is None else found.partition(b" ")[2]


def _answer_of_worker(organization_id: int, call: RealtimeCall, terms: str, submitter: Submitter) -> bytes:
    """Empty when the call must be handed in. Raises Overloaded."""
    if not call.text.strip() or call.is_over:
        return b""
    try:
        outcome = admit(organization_id=organization_id, terms=terms, label=submitter.label, call=call)
        if outcome.status == UNDECIDED:
            refresh_remaining(organization_id=organization_id)
            outcome = admit(organization_id=organization_id, terms=terms, label=submitter.label, call=call)
    except RedisError:
        return b""
    if outcome.status == OVERLOADED:
        REALTIME_CALLS_TOTAL.labels("overloaded").inc()
        raise Overloaded(outcome.retry_after_seconds)
    if outcome.status != ADMITTED:
        return b""
    return wait_for_answer(organization_id=organization_id, call=call)


def _refuse_if_crowded() -> None:
    """Raises Overloaded when too many handed-in calls wait for the same workers."""
    with suppress(RedisError):
        if waiting_count(REALTIME) >= settings.REALTIME_WAITING_AT_MOST:
            raise Overloaded(RETRY_AFTER_SECONDS)


def _outcome(
    detection: Detection, ends_at: float, is_gone: Callable[[], bool] = lambda: False
) -> RealtimeOutcome:
    ended = _wait(detection, ends_at, is_gone)
    if ended is None:
        return RealtimeOutcome(detection=detection, payload=None)
    with tenant_scope(ended.organization_id):
        return RealtimeOutcome(detection=ended, payload=detection_payload(ended))


def _wait(detection: Detection, ends_at: float, is_gone: Callable[[], bool]) -> Detection | None:
    """The detection once it has ended, or None at the deadline or when the client is gone."""
    while detection.is_open:
        seconds = ends_at - time.monotonic()
        if seconds <= 0 or is_gone():
            return None
        wait_for_end(detection, seconds=min(seconds, 1.0))
        current = _detection_of(detection.organization_id, detection.pk)
        if current is None:
            return None
        detection = current
    return detection
