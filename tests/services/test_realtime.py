"""A text in, its result in the same reply: from a worker within the deadline, or from the cache.

1. A worker answers within the deadline; rows and charge follow at once.
2. No worker answers: at the deadline the text is handed in like any other.
3. The same text again is answered from the cache, and counted.
4. Counted uses are booked once, whatever dies in between.
5. What the allowance does not hold is refused, cached or not.
6. Another institution, another rate, another model or another way to cut a text is no cache hit.
7. Too many wait, or for too long: refused at the door.
8. The queue server is away: the row is asked until the deadline.
9. A call that died is found again by its id.
10. Its client has hung up: what was handed in is cancelled if no worker has begun it.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.conf import LazySettings
from django.db import connection
from redis import Redis

from accounts.models import Organization
from detection.models import Detection, DocumentContent, Priority
from detection.reports.payload import detection_payload
from detection.selectors.usage import usage_of
from detection.services import realtime_usage
from detection.services.claiming import claim_next
from detection.services.realtime import (
    Overloaded,
    RealtimeOutcome,
    detect_now,
    find_detection,
    hand_in,
    new_call,
)
from detection.services.realtime_calls import INBOX
from detection.services.realtime_terms import forget_terms
from detection.services.realtime_usage import book_realtime_usage
from detection.services.submission import SubmissionRefused
from detection.states import State
from tests.cast import Cast, make_cast
from tests.services.detections import BOB, at_once, balance, hand_in_text, paper, score
from tests.services.realtime import FakeSharedScorer, a_realtime_worker, answer_waiting_calls
from zhenwen.ledger.models import LedgerEntry
from zhenwen.ledger.services import AllowanceExceeded
from zhenwen.tenancy.scope import operator_scope, tenant_scope

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fake_version")]

TEXT = paper(600)


def ask(organization: Organization, text: str = TEXT, seconds: float = 5) -> RealtimeOutcome:
    return detect_now(organization_id=organization.id, text=text, submitter=BOB, deadline_seconds=seconds)


@contextmanager
def a_worker_for_rows() -> Iterator[None]:
    """Scores whatever was handed in, in a thread."""
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


def detection_behind(organization: Organization, outcome: RealtimeOutcome) -> Detection:
    assert outcome.payload is not None
    found = find_detection(organization_id=organization.id, detection_id=uuid.UUID(outcome.payload["id"]))
    assert found is not None
    return found


def used(organization: Organization) -> int:
    with tenant_scope(organization.id):
        return usage_of(organization_id=organization.id).used


def test_a_worker_answers_within_the_deadline_and_the_rows_follow(cast: Cast) -> None:
    with a_realtime_worker():
        outcome = ask(cast.acme)
        detection = detection_behind(cast.acme, outcome)
    assert outcome.payload is not None
    assert outcome.payload["state"] == State.SUCCEEDED == detection.state
    assert outcome.payload["created_at"] == detection.created_at.isoformat()
    assert detection.priority == Priority.REALTIME
    assert not outcome.cached
    with tenant_scope(cast.acme.id):
        assert DocumentContent.objects.get().text == TEXT
        assert outcome.payload == detection_payload(detection), "the answer says what the rows say"
    assert balance(cast.acme) == (0, detection.characters)


def test_without_an_answer_the_text_is_handed_in_at_the_deadline(cast: Cast) -> None:
    outcome = ask(cast.acme, seconds=0.8)
    assert outcome.payload is None
    assert outcome.detection is not None
    scorer = FakeSharedScorer()
    answer_waiting_calls(scorer)
    assert scorer.scored == 0, "it is given up, and dropped"
    assert score(outcome.detection).state == State.SUCCEEDED
    assert balance(cast.acme) == (0, outcome.detection.characters)


def test_a_call_the_worker_cannot_answer_is_handed_in_at_once(cast: Cast) -> None:
    with a_worker_for_rows(), a_realtime_worker(FakeSharedScorer(error=RuntimeError())):
        began = time.monotonic()
        outcome = ask(cast.acme, seconds=20)
    assert time.monotonic() - began < 10
    assert outcome.payload is not None
    assert outcome.payload["state"] == State.SUCCEEDED


def test_texts_that_come_twice_at_once_are_scored_once(cast: Cast) -> None:
    scorer = FakeSharedScorer()
    with a_realtime_worker(scorer):
        outcomes = at_once(6, lambda: ask(cast.acme))
    assert all(outcome.payload for outcome in outcomes)
    assert scorer.scored == 2, "two segments"
    assert used(cast.acme) == 6 * (outcomes[0].payload or {})["characters"]


def test_the_same_text_is_answered_from_the_cache_and_counted(cast: Cast) -> None:
    with a_realtime_worker():
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


def test_an_answer_without_a_score_is_free_each_time(cast: Cast) -> None:
    with a_realtime_worker():
        first = ask(cast.acme, "太短了。")
    again = ask(cast.acme, "太短了。")
    assert again.cached
    assert first.payload is not None
    assert first.payload["result"]["reasons"] == ["too_short"]
    assert book_realtime_usage() == 0
    assert balance(cast.acme) == (0, 0)
    assert used(cast.acme) == 0


def test_a_cached_answer_bears_the_callers_title(cast: Cast) -> None:
    with a_realtime_worker():
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
    with a_realtime_worker():
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
    with a_realtime_worker():
        ask(cast.acme)
    for _use in range(3):
        ask(cast.acme)
        book_realtime_usage()
    with tenant_scope(cast.acme.id):
        assert LedgerEntry.objects.filter(reference__startswith="realtime:").count() == 1


def test_a_text_the_allowance_does_not_hold_is_refused(db: None) -> None:
    cast = make_cast(granted_characters=1_000)
    with a_realtime_worker():
        ask(cast.acme)
    with pytest.raises(AllowanceExceeded) as cached:
        ask(cast.acme)
    assert cached.value.asked_characters > cached.value.remaining_characters
    with pytest.raises(AllowanceExceeded):
        ask(cast.acme, paper(600, number=2))


def test_another_institution_gets_no_answer_from_this_ones_cache(cast: Cast) -> None:
    with a_realtime_worker():
        ask(cast.acme)
    assert ask(cast.rival, seconds=0).payload is None


def test_an_answer_to_a_text_that_was_cut_otherwise_is_given_no_more(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_realtime_worker():
        ask(cast.acme)
    assert ask(cast.acme, seconds=0).cached
    monkeypatch.setattr("detection.services.realtime_terms.EDITION", -1)
    forget_terms(organization_id=cast.acme.id)
    assert ask(cast.acme, seconds=0).payload is None


def test_too_many_waiting_calls_are_refused_at_the_door(cast: Cast, settings: LazySettings) -> None:
    settings.REALTIME_WAITING_AT_MOST = 1
    ask(cast.acme, seconds=0.8)
    with pytest.raises(Overloaded) as refused:
        ask(cast.acme, paper(600, number=2), seconds=5)
    assert refused.value.retry_after_seconds > 0


def test_a_call_that_would_wait_too_long_is_told_when_to_come_back(cast: Cast) -> None:
    INBOX.say_speed(100)
    ask(cast.acme, seconds=0.8)
    with pytest.raises(Overloaded) as refused:
        ask(cast.acme, paper(600, number=2), seconds=5)
    assert 3 <= refused.value.retry_after_seconds <= 12, "600 characters at 100 a second"
    answer_waiting_calls()
    with a_realtime_worker():
        assert ask(cast.acme, paper(600, number=3)).payload is not None


def test_a_burst_after_a_quiet_day_is_refused_as_well(cast: Cast, queue_server: Redis[bytes]) -> None:
    INBOX.say_speed(100)
    a_day = 24 * 60 * 60
    assert queue_server.ttl("inbox:realtime:speed") > a_day


def test_an_institution_that_fills_the_inbox_leaves_room_for_others(
    cast: Cast, settings: LazySettings
) -> None:
    """Each text is 1.2 seconds of work."""
    settings.REALTIME_DELAY_SECONDS_AT_MOST = 2
    INBOX.say_speed(500)
    ask(cast.acme, paper(600, number=1), seconds=0.8)
    ask(cast.acme, paper(600, number=2), seconds=1.6)
    with pytest.raises(Overloaded):
        ask(cast.acme, paper(600, number=3))
    assert ask(cast.rival, seconds=4).detection is not None


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
    with a_worker_for_rows():
        outcome = ask(cast.acme)
    assert outcome.payload is not None
    assert outcome.payload["state"] == State.SUCCEEDED


def test_a_call_waits_no_longer_than_its_deadline(cast: Cast, queue_server: Redis[bytes]) -> None:
    began = time.monotonic()
    ask(cast.acme, seconds=0.5)
    assert 0.4 < time.monotonic() - began < 2


def test_a_call_that_died_is_found_again_and_charged_once(cast: Cast) -> None:
    call_id = uuid.uuid4()

    def ask_again() -> RealtimeOutcome:
        return detect_now(
            organization_id=cast.acme.id,
            text=TEXT,
            submitter=BOB,
            deadline_seconds=5,
            detection_id=call_id,
        )

    with a_realtime_worker():
        first, again = ask_again(), ask_again()
    assert first.payload is not None and again.payload is not None
    assert first.payload["id"] == again.payload["id"] == str(call_id)
    assert used(cast.acme) == first.payload["characters"]


def test_a_cached_answer_to_one_call_is_counted_once(cast: Cast) -> None:
    with a_realtime_worker():
        characters = (ask(cast.acme).payload or {})["characters"]
        for _repetition in range(3):
            detect_now(
                organization_id=cast.acme.id,
                text=TEXT,
                submitter=BOB,
                deadline_seconds=5,
                detection_id=uuid.UUID(int=7),
            )
    assert used(cast.acme) == 2 * characters


def handed_in(organization: Organization, *, is_gone: Callable[[], bool]) -> Detection:
    """As it stands when nobody waits for it any more."""
    call = new_call(text=TEXT, title="", external_id="", deadline_seconds=30)
    ends_at = time.monotonic() + 30
    hand_in(organization_id=organization.id, call=call, submitter=BOB, ends_at=ends_at, is_gone=is_gone)
    with tenant_scope(organization.id):
        return Detection.objects.get(pk=call.call_id)


def test_what_was_handed_in_for_a_client_that_has_gone_is_cancelled(cast: Cast) -> None:
    detection = handed_in(cast.acme, is_gone=lambda: True)
    assert detection.state == State.CANCELLED
    assert balance(cast.acme) == (0, 0)


def test_what_a_worker_has_begun_is_finished_though_its_client_has_gone(cast: Cast) -> None:
    begun: list[Detection | None] = []

    def is_gone() -> bool:
        if not begun:
            begun.append(
                claim_next(waiting=State.QUEUED_FOR_SCORING, priority=Priority.REALTIME, to=State.SCORING)
            )
        return True

    detection = handed_in(cast.acme, is_gone=is_gone)
    assert begun[0] is not None
    assert detection.state == State.SCORING
    assert balance(cast.acme) == (detection.characters, 0)
