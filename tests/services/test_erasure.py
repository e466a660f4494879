"""What is erased is gone everywhere; what is kept no longer than agreed is gone in time."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone
from redis import Redis

from detection.models import Detection, Document, DocumentContent, Report
from detection.services.lifecycle import erase_document
from detection.services.policies import change_policy
from detection.services.realtime import detect_now
from detection.services.sweeping import erase_expired_contents
from detection.states import State
from tests.cast import Cast
from tests.services.detections import (
    BOB,
    FakeModel,
    balance,
    entries,
    fresh,
    hand_in_file,
    hand_in_text,
    paper,
    score,
)
from zhenwen.audit.models import AuditEvent
from zhenwen.tenancy.scope import tenant_scope

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fake_version")]


def erase(cast: Cast, detection: Detection) -> None:
    with tenant_scope(cast.acme.id):
        erase_document(document=fresh(detection).document, erased_by=BOB)


def keep_for(cast: Cast, days: int | None) -> None:
    with tenant_scope(cast.acme.id):
        change_policy(
            organization_id=cast.acme.id,
            tolerated_fpr=Decimal("0.01"),
            retention_days=days,
            changed_by=cast.alice,
        )


def cached_keys(client: Redis[bytes]) -> list[bytes]:
    return [key for key in client.scan_iter() if key.startswith((b"segment", b"result"))]


def test_an_erased_document_leaves_only_ledger_and_audit_log(cast: Cast, queue_server: Redis[bytes]) -> None:
    detection = score(hand_in_text(cast.acme))
    assert cached_keys(queue_server)
    erase(cast, detection)
    assert cached_keys(queue_server) == []
    with tenant_scope(cast.acme.id):
        assert not Document.objects.exists()
        assert not DocumentContent.objects.exists()
        assert not Report.objects.exists()
        assert AuditEvent.objects.filter(action="document.erased", target=detection.document_id)
    assert entries(detection) == ["reserve", "charge"]
    assert balance(cast.acme) == (0, detection.characters)


def test_erasing_reaches_a_cached_realtime_answer(cast: Cast, queue_server: Redis[bytes]) -> None:
    text = paper(600)
    detection = score(hand_in_text(cast.acme, text))
    answer = detect_now(organization_id=cast.acme.id, text=text, submitter=BOB, deadline_seconds=0).detection
    assert answer is not None
    score(answer)
    erase(cast, detection)
    erase(cast, answer)
    assert cached_keys(queue_server) == []


def test_erased_while_it_is_scored(cast: Cast) -> None:
    detection = hand_in_text(cast.acme)
    with pytest.raises(Detection.DoesNotExist):
        score(detection, FakeModel(lambda: erase(cast, detection)))
    assert entries(detection) == ["reserve", "release"]
    assert balance(cast.acme) == (0, 0)


def test_nothing_but_the_result_is_kept(cast: Cast, queue_server: Redis[bytes]) -> None:
    keep_for(cast, 0)
    detection = score(hand_in_text(cast.acme))
    assert erase_expired_contents() == 1
    assert cached_keys(queue_server) == []
    with tenant_scope(cast.acme.id):
        assert not DocumentContent.objects.exists()
        document = Document.objects.get()
        assert Report.objects.filter(detection=detection).exists()
    assert document.erased_at is not None
    assert document.title == "", "the title was taken from the text"
    assert erase_expired_contents() == 0


def test_a_title_that_a_person_gave_stays(cast: Cast) -> None:
    keep_for(cast, 0)
    score(hand_in_text(cast.acme, title="期末论文"))
    erase_expired_contents()
    with tenant_scope(cast.acme.id):
        assert Document.objects.get().title == "期末论文"


def test_what_is_still_worked_on_is_kept(cast: Cast) -> None:
    keep_for(cast, 0)
    hand_in_file(cast.acme, paper(600).encode())
    assert erase_expired_contents() == 0


def test_kept_for_thirty_days_and_not_longer(cast: Cast) -> None:
    keep_for(cast, 30)
    detection = score(hand_in_text(cast.acme))
    with time_machine.travel(timezone.now() + timedelta(days=29), tick=False):
        assert erase_expired_contents() == 0
    with time_machine.travel(timezone.now() + timedelta(days=31), tick=False):
        assert erase_expired_contents() == 1
    assert fresh(detection).state == State.SUCCEEDED


def test_without_a_limit_everything_is_kept(cast: Cast) -> None:
    keep_for(cast, None)
    score(hand_in_text(cast.acme))
    with time_machine.travel(timezone.now() + timedelta(days=4000), tick=False):
        assert erase_expired_contents() == 0
