"""Handing in: everything stands or nothing does, and a lost wake-up loses nothing."""

from __future__ import annotations

import json
import zlib
from datetime import timedelta

import pytest
from django.utils import timezone
from redis import Redis

from detection.models import Detection, Document
from detection.services.submission import SubmissionRefused
from detection.services.sweeping import wake_for_the_waiting
from detection.states import State
from tests.cast import Cast, make_cast
from tests.services.detections import balance, fresh, hand_in_file, hand_in_text, paper
from zhenwen.jobs.queues import DOCUMENTS, EXTRACT, waiting_count
from zhenwen.ledger.services import AllowanceExceeded
from zhenwen.tenancy.scope import tenant_scope

pytestmark = pytest.mark.django_db(transaction=True)


def long_ago(detection: Detection) -> None:
    """As if it had been waiting for five minutes."""
    with tenant_scope(detection.organization_id):
        past = timezone.now() - timedelta(minutes=5)
        Detection.objects.filter(pk=detection.pk).update(waiting_since=past)


def test_a_text_is_counted_reserved_and_sent_on(cast: Cast) -> None:
    detection = hand_in_text(cast.acme, paper(600))
    after = fresh(detection)
    assert after.state == State.QUEUED_FOR_SCORING
    assert after.characters is not None
    assert 500 < after.characters <= 640
    assert balance(cast.acme) == (after.characters, 0)
    assert waiting_count(DOCUMENTS) == 1
    assert after.document.title == paper(600)[:40]


def test_a_file_is_sent_to_be_read_and_not_counted_yet(cast: Cast) -> None:
    detection = hand_in_file(cast.acme, paper(600).encode())
    assert fresh(detection).state == State.QUEUED
    assert fresh(detection).characters is None
    assert waiting_count(EXTRACT) == 1


def test_a_message_says_nothing_of_the_document(cast: Cast, queue_server: Redis[bytes]) -> None:
    hand_in_text(cast.acme, title="密件")
    (key,) = queue_server.scan_iter(match="rq:job:*")
    message = queue_server.hgetall(key)
    call = json.loads(zlib.decompress(message.pop(b"data")))
    assert call[2:] == [[], {}]
    assert b"".join(message.values()).isascii()


@pytest.mark.parametrize(
    ("data", "filename", "code"),
    [
        (b"", "a.txt", "empty_file"),
        (b"x" * (20 * 1024 * 1024 + 1), "a.txt", "too_large"),
        (b"text", "a.exe", "unsupported_type"),
        (b"\xd0\xcf\x11\xe0", "a.doc", "legacy_doc"),
    ],
)
def test_what_is_wrong_at_first_sight_is_refused(cast: Cast, data: bytes, filename: str, code: str) -> None:
    with pytest.raises(SubmissionRefused) as refused:
        hand_in_file(cast.acme, data, filename)
    assert refused.value.code == code
    assert refused.value.words.what_to_do
    assert nothing_stands(cast)


@pytest.mark.parametrize(("text", "code"), [(" \n\u3000", "empty_text"), ("多" * 400_001, "too_long")])
def test_a_text_that_is_none_is_refused(cast: Cast, text: str, code: str) -> None:
    with pytest.raises(SubmissionRefused) as refused:
        hand_in_text(cast.acme, text)
    assert refused.value.code == code
    assert nothing_stands(cast)


def test_a_text_longer_than_what_is_left_is_refused(db: None) -> None:
    cast = make_cast(granted_characters=500)
    with pytest.raises(AllowanceExceeded) as refused:
        hand_in_text(cast.acme, paper(600))
    assert refused.value.remaining_characters == 500
    assert nothing_stands(cast)


def test_a_file_is_refused_when_nothing_is_left(db: None) -> None:
    cast = make_cast(granted_characters=0)
    with pytest.raises(AllowanceExceeded):
        hand_in_file(cast.acme, paper(600).encode())
    assert nothing_stands(cast)


@pytest.mark.usefixtures("queue_server_away")
def test_with_the_queue_away_the_document_is_kept_and_sent_later(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    detection = hand_in_text(cast.acme)
    long_ago(detection)
    assert wake_for_the_waiting() == 0

    monkeypatch.setattr("zhenwen.jobs.queues._connection", None)
    assert wake_for_the_waiting() == 1
    assert waiting_count(DOCUMENTS) == 1


def test_a_message_lost_with_the_queue_servers_data_is_sent_again(
    cast: Cast, queue_server: Redis[bytes]
) -> None:
    detection = hand_in_text(cast.acme)
    queue_server.flushdb()
    assert wake_for_the_waiting() == 0, "it was sent a moment ago"
    long_ago(detection)
    assert wake_for_the_waiting() == 1
    assert waiting_count(DOCUMENTS) == 1


def test_a_message_that_still_waits_is_not_sent_again(cast: Cast) -> None:
    detection = hand_in_text(cast.acme)
    long_ago(detection)
    assert wake_for_the_waiting() == 0
    assert waiting_count(DOCUMENTS) == 1


def test_of_many_lost_messages_as_many_are_sent_as_wake_every_worker(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, queue_server: Redis[bytes]
) -> None:
    monkeypatch.setattr("detection.services.sweeping.WAKE_UPS_AT_MOST", 3)
    for number in range(5):
        long_ago(hand_in_text(cast.acme, paper(300, number=number)))
    queue_server.flushdb()
    assert wake_for_the_waiting() == 3
    assert wake_for_the_waiting() == 0


def test_enough_messages_are_enough(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detection.services.dispatch.WAKE_UPS_AT_MOST", 2)
    for number in range(4):
        hand_in_text(cast.acme, paper(300, number=number))
    assert waiting_count(DOCUMENTS) == 2


def nothing_stands(cast: Cast) -> bool:
    with tenant_scope(cast.acme.id):
        return not Document.objects.exists() and balance(cast.acme) == (0, 0)
