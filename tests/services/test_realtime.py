"""A text in, its result in the same reply: from a worker within the deadline, or from the cache.

1. A worker answers within the deadline.
2. The deadline passes: the detection runs on.
3. The same text again is answered from the cache, and counted.
4. Counted uses are booked once, whatever dies in between.
5. What the allowance does not hold is refused, cached or not.
6. Another institution, another rate or another model is no cache hit.
7. Too many wait: refused at the door.
8. The queue server is away: the row is asked until the deadline.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import LazySettings
from django.db import connection
from redis import Redis

from accounts.models import Organization
from detection.models import Detection, Priority
from detection.selectors.usage import usage_of
from detection.services import realtime_usage
from detection.services.realtime import Overloaded, RealtimeOutcome, detect_now
from detection.services.realtime_usage import book_realtime_usage
from detection.services.submission import SubmissionRefused
from detection.states import State
from tests.cast import Cast, make_cast
from tests.services.detections import BOB, balance, hand_in_text, paper, score
from zhenwen.ledger.models import LedgerEntry
from zhenwen.ledger.services import AllowanceExceeded
from zhenwen.tenancy.scope import operator_scope, tenant_scope

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fake_version")]

TEXT = paper(600)


def ask(organization: Organization, text: str = TEXT, seconds: float = 5) -> RealtimeOutcome:
    return detect_now(organization_id=organization.id, text=text, submitter=BOB, deadline_seconds=seconds)


@contextmanager
def a_worker() -> Iterator[None]:
    """Scores whatever waits, in a thread."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.02):
            with operator_scope():
                waiting = list(Detection.objects.filter(state=State.QUEUED_FOR_SCORING))
            for detection in waiting:
                score(detection)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    done.set()
    thread.join()


def used(organization: Organization) -> int:
    with tenant_scope(organization.id):
        return usage_of(organization_id=organization.id).used


def test_a_worker_answers_within_the_deadline(cast: Cast) -> None:
    with a_worker():
        outcome = ask(cast.acme)
    assert outcome.payload is not None
    assert outcome.payload["state"] == State.SUCCEEDED
    assert outcome.detection is not None
    assert outcome.detection.priority == Priority.REALTIME
    assert not outcome.cached


def test_after_the_deadline_the_detection_runs_on(cast: Cast) -> None:
    outcome = ask(cast.acme, seconds=0.1)
    assert outcome.payload is None
    assert outcome.detection is not None
    assert score(outcome.detection).state == State.SUCCEEDED


def test_the_same_text_is_answered_from_the_cache_and_counted(cast: Cast) -> None:
    with a_worker():
        first = ask(cast.acme)
    again = ask(cast.acme)
    assert again.cached
    assert first.payload is not None
    assert again.payload == first.payload
    characters = first.payload["characters"]
    assert used(cast.acme) == 2 * characters
    assert balance(cast.acme) == (0, characters), "the second use is not booked yet"
    assert book_realtime_usage() == 1
    assert balance(cast.acme) == (0, 2 * characters)
    assert used(cast.acme) == 2 * characters


def test_a_cached_answer_bears_the_callers_title(cast: Cast) -> None:
    with a_worker():
        ask(cast.acme)
    again = detect_now(
        organization_id=cast.acme.id,
        text=TEXT,
        submitter=BOB,
        deadline_seconds=0,
        title="甲",
        external_id="17",
    )
    assert again.payload is not None
    assert again.payload["document"]["title"] == "甲"
    assert again.payload["document"]["external_id"] == "17"


def test_a_booking_that_dies_half_way_is_booked_once(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_worker():
        ask(cast.acme)
    ask(cast.acme)
    characters = balance(cast.acme)[1]

    @contextmanager
    def dying_after_the_commit(organization_id: int) -> Iterator[None]:
        with tenant_scope(organization_id):
            yield
        raise KeyboardInterrupt

    monkeypatch.setattr(realtime_usage, "tenant_scope", dying_after_the_commit)
    with pytest.raises(KeyboardInterrupt):
        book_realtime_usage()
    monkeypatch.undo()
    assert balance(cast.acme) == (0, 2 * characters)
    book_realtime_usage()
    assert balance(cast.acme) == (0, 2 * characters)


def test_uses_are_booked_in_bunches(cast: Cast, settings: LazySettings) -> None:
    with a_worker():
        ask(cast.acme)
    for _use in range(3):
        ask(cast.acme)
        book_realtime_usage()
    with tenant_scope(cast.acme.id):
        assert LedgerEntry.objects.filter(reference__startswith="realtime:").count() == 1


def test_a_text_the_allowance_does_not_hold_is_refused(db: None) -> None:
    cast = make_cast(granted_characters=1_000)
    with a_worker():
        ask(cast.acme)
    with pytest.raises(AllowanceExceeded) as cached:
        ask(cast.acme)
    assert cached.value.asked_characters > cached.value.remaining_characters
    with pytest.raises(AllowanceExceeded):
        ask(cast.acme, paper(600, number=2))


def test_another_institution_gets_no_answer_from_this_ones_cache(cast: Cast) -> None:
    with a_worker():
        ask(cast.acme)
    assert ask(cast.rival, seconds=0).payload is None


def test_too_many_waiting_calls_are_refused_at_the_door(cast: Cast, settings: LazySettings) -> None:
    settings.REALTIME_WAITING_AT_MOST = 1
    ask(cast.acme, seconds=0)
    with pytest.raises(Overloaded) as refused:
        ask(cast.acme, paper(600, number=2), seconds=0)
    assert refused.value.retry_after_seconds > 0


def test_waiting_papers_do_not_refuse_a_call(cast: Cast, settings: LazySettings) -> None:
    settings.REALTIME_WAITING_AT_MOST = 1
    hand_in_text(cast.acme, paper(600, number=2))
    assert ask(cast.acme, seconds=0).detection is not None


def test_a_text_for_the_documents_queue_is_refused(cast: Cast) -> None:
    with pytest.raises(SubmissionRefused) as refused:
        ask(cast.acme, paper(20_001))
    assert refused.value.code == "too_long"
    assert "20000" in refused.value.words.what_happened


@pytest.mark.usefixtures("queue_server_away")
def test_with_the_queue_server_away_the_row_is_asked(cast: Cast) -> None:
    with a_worker():
        outcome = ask(cast.acme)
    assert outcome.payload is not None
    assert outcome.payload["state"] == State.SUCCEEDED


def test_a_call_waits_no_longer_than_its_deadline(cast: Cast, queue_server: Redis[bytes]) -> None:
    began = time.monotonic()
    ask(cast.acme, seconds=0.5)
    assert 0.4 < time.monotonic() - began < 2
