"""The numbered cases of detection.services.realtime_records: whatever dies, one record and one charge."""

from __future__ import annotations

import time
import uuid
from decimal import Decimal

import pytest
from redis import Redis

from detection.models import Detection, Document, DocumentContent, Report
from detection.services import realtime_writer
from detection.services.lifecycle import erase_document
from detection.services.policies import change_policy
from detection.services.realtime import find_detection, hand_in, new_call
from detection.services.realtime_calls import INBOX, RealtimeCall
from detection.services.realtime_door import ADMITTED, admit
from detection.services.realtime_terms import terms_of
from detection.services.realtime_usage import is_held, refresh_remaining
from detection.services.realtime_writer import write_left_records, write_waiting_records
from tests.cast import Cast
from tests.services.detections import BOB, balance, fresh, paper, score
from tests.services.realtime import answer_waiting_calls
from zhenwen.jobs.taking import Taker
from zhenwen.ledger.models import LedgerEntry
from zhenwen.ledger.services import change_grant, current_allowance
from zhenwen.tenancy.scope import tenant_scope

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fake_version")]


def push(cast: Cast, number: int = 0, *, title: str = "", text: str = "") -> RealtimeCall:
    """A call in the inbox, as the door leaves it."""
    call = new_call(text=text or paper(600, number=number), title=title, external_id="", deadline_seconds=20)
    terms = terms_of(organization_id=cast.acme.id)
    assert terms is not None
    refresh_remaining(organization_id=cast.acme.id)
    outcome = admit(organization_id=cast.acme.id, terms=terms, label=BOB.label, call=call)
    assert outcome.status == ADMITTED
    return call


def detection_of(cast: Cast, call: RealtimeCall) -> Detection | None:
    return find_detection(organization_id=cast.acme.id, detection_id=uuid.UUID(call.call_id))


def charges(cast: Cast) -> list[str]:
    with tenant_scope(cast.acme.id):
        rows = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.CHARGE).order_by("id")
        return list(rows.values_list("reference", flat=True))


def dies(*_arguments: object, **_named: object) -> None:
    raise KeyboardInterrupt


def left_by_a_dead_writer(monkeypatch: pytest.MonkeyPatch, *, before_commit: bool) -> None:
    """A writer takes what waits and dies before or after its transaction."""
    with monkeypatch.context() as patch:
        if before_commit:
            patch.setattr(realtime_writer, "write_records", dies)
        else:
            patch.setattr(Redis, "pipeline", dies)
        with pytest.raises(KeyboardInterrupt):
            write_waiting_records()
    monkeypatch.setattr(realtime_writer, "LEFT_BEHIND_SECONDS", 0)


def test_1_before_the_answer_nothing_is_recorded(cast: Cast, queue_server: Redis[bytes]) -> None:
    call = push(cast)
    Taker(INBOX).take(at_most=1, client=queue_server)
    assert write_waiting_records() == 0
    assert charges(cast) == []
    assert INBOX.give_up(call.call_id) is None
    outcome = hand_in(organization_id=cast.acme.id, call=call, submitter=BOB, ends_at=0)
    assert outcome.detection is not None
    score(outcome.detection)
    assert len(charges(cast)) == 1


def test_2_after_the_answer_whoever_writes_next_writes_the_record(cast: Cast) -> None:
    call = push(cast)
    answer_waiting_calls(writes=False)
    assert charges(cast) == []
    assert is_held(organization_id=cast.acme.id, call_id=call.call_id)
    assert write_waiting_records() == 1
    assert len(charges(cast)) == 1
    assert not is_held(organization_id=cast.acme.id, call_id=call.call_id)


@pytest.mark.parametrize("before_commit", [True, False])
def test_3_and_4_what_a_dead_writer_left_is_written_once(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, before_commit: bool
) -> None:
    calls = [push(cast, number) for number in range(3)]
    answer_waiting_calls(writes=False)
    left_by_a_dead_writer(monkeypatch, before_commit=before_commit)
    assert len(charges(cast)) == (0 if before_commit else 3)
    assert write_left_records() == 3
    assert write_left_records() == 0
    assert sorted(charges(cast)) == sorted(f"detection:{call.call_id}" for call in calls)
    assert all(detection_of(cast, call) for call in calls)


def test_5_a_call_that_was_given_up_gets_no_answer_and_one_charge(cast: Cast) -> None:
    call = push(cast)
    assert INBOX.give_up(call.call_id) is None
    outcome = hand_in(organization_id=cast.acme.id, call=call, submitter=BOB, ends_at=0)
    answer_waiting_calls()
    assert outcome.detection is not None
    assert fresh(outcome.detection).is_open, "the worker's answer was refused"
    score(outcome.detection)
    assert len(charges(cast)) == 1


@pytest.mark.parametrize("record_first", [True, False])
def test_5_answered_and_handed_in_both_it_is_charged_once(cast: Cast, record_first: bool) -> None:
    call = push(cast)
    answer_waiting_calls(writes=record_first)
    outcome = hand_in(organization_id=cast.acme.id, call=call, submitter=BOB, ends_at=0)
    write_waiting_records()
    if record_first:
        assert outcome.payload is not None
    else:
        assert outcome.detection is not None
        score(outcome.detection)
    assert charges(cast) == [f"detection:{call.call_id}"]
    with tenant_scope(cast.acme.id):
        assert Document.objects.count() == Detection.objects.count() == Report.objects.count() == 1


def test_6_an_erased_document_does_not_come_back(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    call = push(cast)
    answer_waiting_calls(writes=False)
    left_by_a_dead_writer(monkeypatch, before_commit=False)
    detection = detection_of(cast, call)
    assert detection is not None
    with tenant_scope(cast.acme.id):
        erase_document(document=detection.document, erased_by=BOB)
    assert write_left_records() == 1
    with tenant_scope(cast.acme.id):
        assert not Document.objects.exists()
    assert len(charges(cast)) == 1


def test_6_one_that_cost_nothing_does_not_come_back_either(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = push(cast, text="太短了。")
    answer_waiting_calls(writes=False)
    left_by_a_dead_writer(monkeypatch, before_commit=False)
    detection = detection_of(cast, call)
    assert detection is not None
    with tenant_scope(cast.acme.id):
        erase_document(document=detection.document, erased_by=BOB)
    assert write_left_records() == 1
    with tenant_scope(cast.acme.id):
        assert not Document.objects.exists()
    assert balance(cast.acme) == (0, 0)


def test_an_id_given_out_a_moment_ago_is_waited_for(cast: Cast) -> None:
    call = push(cast)
    answer_waiting_calls(writes=False)
    began = time.monotonic()
    assert detection_of(cast, call) is None
    assert time.monotonic() - began > 1
    write_waiting_records()
    assert detection_of(cast, call) is not None


def test_of_an_institution_that_keeps_nothing_no_text_is_written(
    cast: Cast, queue_server: Redis[bytes]
) -> None:
    with tenant_scope(cast.acme.id):
        change_policy(
            organization_id=cast.acme.id,
            tolerated_fpr=Decimal("0.01"),
            retention_days=0,
            changed_by=cast.alice,
        )
    push(cast)
    push(cast, 1, title="期末论文")
    answer_waiting_calls()
    with tenant_scope(cast.acme.id):
        assert not DocumentContent.objects.exists()
        assert sorted(Document.objects.values_list("title", flat=True)) == ["", "期末论文"]
        assert not Document.objects.filter(erased_at=None).exists()
        assert Report.objects.count() == 2
    assert [key for key in queue_server.scan_iter() if key.startswith((b"segment", b"result"))] == []


def test_more_than_was_granted_is_booked_all_the_same(cast: Cast) -> None:
    first = push(cast)
    with tenant_scope(cast.acme.id):
        allowance = current_allowance(organization_id=cast.acme.id)
        change_grant(allowance_id=allowance.pk, granted_characters=10)
    answer_waiting_calls()
    detection = detection_of(cast, first)
    assert detection is not None
    assert balance(cast.acme) == (0, detection.characters)


def test_a_record_that_cannot_be_written_holds_up_no_other(cast: Cast, queue_server: Redis[bytes]) -> None:
    good = push(cast)
    answer_waiting_calls(writes=False)
    (_id, fields), *_ = queue_server.xrange(realtime_writer.STREAM)
    broken = fields[b"record"].replace(good.call_id.encode(), str(uuid.uuid4()).encode())
    broken = broken.replace(b'"model_version_id": ', b'"model_version_id": 9999')
    queue_server.xadd(realtime_writer.STREAM, {"record": broken})
    assert write_waiting_records() == 2
    assert charges(cast) == [f"detection:{good.call_id}"]
