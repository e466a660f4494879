"""A text in, its result in the same reply: from the cache, or from a warm worker within a deadline."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from redis import RedisError

from detection.extraction.errors import ErrorCode
from detection.models import Detection, Priority
from detection.reports.payload import detection_payload, notice
from detection.selectors.detections import detection_of
from detection.selectors.model_versions import active_model_version
from detection.selectors.policies import policy_of
from detection.services.caches import ResultKey, loaded_result, remember_result
from detection.services.realtime_replies import wait_for_end
from detection.services.realtime_usage import NoRoom, take_cached_result
from detection.services.submission import (
    SubmissionRefused,
    Submitter,
    submit_text,
    text_sha256,
    title_of_text,
)
from zhenwen.jobs.queues import REALTIME, waiting_count
from zhenwen.ledger.services import AllowanceExceeded
from zhenwen.tenancy.scope import tenant_scope

logger = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = 2


class Overloaded(Exception):
    """More calls wait than can be answered in time. Nothing was stored or charged."""

    retry_after_seconds = RETRY_AFTER_SECONDS


@dataclass(frozen=True, slots=True)
class RealtimeOutcome:
    """`payload` is None while the detection is still running; a cached answer has no detection of its own."""

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
) -> RealtimeOutcome:
    """Opens its own short scopes, so that no transaction stays open while it waits.

    Raises SubmissionRefused, AllowanceExceeded and Overloaded; in none of these cases anything is charged.
    """
    ends_at = time.monotonic() + deadline_seconds
    limit = settings.REALTIME_CHARACTERS_AT_MOST
    if len(text) > limit:
        raise SubmissionRefused(ErrorCode.TOO_LONG, limit_characters=limit)
    key = _result_key(organization_id, text)
    cached = _cached_payload(key, text, title, external_id) if key else None
    if cached is not None:
        return RealtimeOutcome(detection=None, payload=cached, cached=True)
    _check_load()
    with tenant_scope(organization_id):
        detection = submit_text(
            organization_id=organization_id,
            text=text,
            submitter=submitter,
            title=title,
            external_id=external_id,
            priority=Priority.REALTIME,
        )
    ended = _wait(detection, ends_at)
    if ended is None:
        return RealtimeOutcome(detection=detection, payload=None)
    with tenant_scope(organization_id):
        payload = detection_payload(ended)
    if key and payload["result"]:
        remember_result(key, payload | {"document": payload["document"] | {"title": "", "external_id": ""}})
    return RealtimeOutcome(detection=ended, payload=payload)


def _result_key(organization_id: int, text: str) -> ResultKey | None:
    with tenant_scope(organization_id):
        version = active_model_version()
        tolerated_fpr = policy_of(organization_id=organization_id).tolerated_fpr
    if version is None:
        return None
    return ResultKey(
        organization_id=organization_id,
        text_sha256=text_sha256(text),
        model_digest=version.digest,
        calibration_digest=version.calibration_digest,
        tolerated_fpr=tolerated_fpr,
    )


def _cached_payload(key: ResultKey, text: str, title: str, external_id: str) -> dict[str, Any] | None:
    """The cached answer in the words of this call: its title, its id, its language."""
    try:
        found = take_cached_result(organization_id=key.organization_id, result_key=key.name)
    except NoRoom as error:
        raise AllowanceExceeded(
            asked_characters=error.characters, remaining_characters=error.remaining_characters
        ) from None
    except RedisError:
        return None
    if found is None:
        return None
    payload = loaded_result(found)
    payload["document"] |= {"title": title or title_of_text(text), "external_id": external_id}
    payload["result"]["notice"] = notice()
    return payload


def _check_load() -> None:
    try:
        waiting = waiting_count(REALTIME)
    except RedisError:
        return
    if waiting >= settings.REALTIME_WAITING_AT_MOST:
        raise Overloaded


def _wait(detection: Detection, ends_at: float) -> Detection | None:
    """The detection once it has ended, or None at the deadline."""
    while (seconds := ends_at - time.monotonic()) > 0:
        wait_for_end(detection, seconds=min(seconds, 1.0))
        with tenant_scope(detection.organization_id):
            current = detection_of(organization_id=detection.organization_id, detection_id=detection.pk)
        if current is None or not current.is_open:
            return current
    return None
