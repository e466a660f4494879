"""A claimed detection ends with a report and one charge, whatever its worker meets on the way."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from detection.models import ModelVersion, Priority
from detection.reports.payload import detection_payload
from detection.selectors.detections import detection_of
from detection.services.caches import forget_scores_in_memory
from detection.services.scoring import score_next
from detection.services.sweeping import take_back_expired_leases, wake_for_the_waiting
from detection.states import State
from tests.cast import Cast
from tests.services.detections import (
    FakeModel,
    balance,
    entries,
    expire_lease,
    fresh,
    hand_in_text,
    paper,
    score,
)
from zhenwen.jobs.queues import shared_connection
from zhenwen.tenancy.scope import operator_scope, tenant_scope

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fake_version")]


def test_a_report_says_what_scored_it(cast: Cast, fake_version: ModelVersion) -> None:
    detection = score(hand_in_text(cast.acme))
    assert detection.state == State.SUCCEEDED
    assert balance(cast.acme) == (0, detection.characters)
    with tenant_scope(cast.acme.id):
        found = detection_of(organization_id=cast.acme.id, detection_id=detection.pk)
        assert found is not None
        payload = detection_payload(found)
    assert payload["progress"] == 1.0
    assert payload["result"]["model"]["digest"] == fake_version.digest
    assert payload["result"]["sentences"][0]["start"] == 0
    assert detection.model_version_id == fake_version.pk


def test_what_is_not_scored_is_not_charged(cast: Cast) -> None:
    model = FakeModel()
    detection = score(hand_in_text(cast.acme, "太短了。"), model)
    assert (detection.state, model.scored) == (State.SUCCEEDED, 0)
    assert balance(cast.acme) == (0, 0)
    assert entries(detection) == ["reserve", "release"]


def test_the_same_segments_are_not_scored_again(cast: Cast) -> None:
    model = FakeModel()
    score(hand_in_text(cast.acme, paper(900)), model)
    scored = model.scored
    assert scored
    score(hand_in_text(cast.acme, paper(900)), model)
    assert model.scored == scored


def test_another_models_segments_are_no_help(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel()
    score(hand_in_text(cast.acme), model)
    scored = model.scored
    monkeypatch.setattr(FakeModel, "model_digest", "1" * 64)
    score(hand_in_text(cast.acme), model)
    assert model.scored == 2 * scored


@pytest.mark.usefixtures("queue_server_away")
def test_it_scores_without_a_cache(cast: Cast) -> None:
    assert score(hand_in_text(cast.acme)).state == State.SUCCEEDED


def test_without_a_model_it_waits(cast: Cast) -> None:
    detection = hand_in_text(cast.acme)
    assert not score_next(priority=Priority.DOCUMENTS, borrow_model=nullcontext)
    assert fresh(detection).state == State.QUEUED_FOR_SCORING


def test_an_error_sends_it_back_for_later(cast: Cast) -> None:
    def fail() -> None:
        raise RuntimeError("out of memory")

    detection = score(hand_in_text(cast.acme), FakeModel(fail))
    assert (detection.state, detection.attempt) == (State.QUEUED_FOR_SCORING, 2)
    shared_connection().flushdb()
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False):
        assert wake_for_the_waiting() == 0
    with time_machine.travel(timezone.now() + timedelta(seconds=10), tick=False):
        assert wake_for_the_waiting() == 1
    assert score(detection).state == State.SUCCEEDED


def test_after_too_many_attempts_it_fails_and_costs_nothing(cast: Cast) -> None:
    detection = hand_in_text(cast.acme)

    def vanish() -> None:
        expire_lease(detection)
        take_back_expired_leases()

    for _attempt in range(5):
        assert detection.is_open
        # Or the next attempt would find the scores of the one before.
        shared_connection().flushdb()
        forget_scores_in_memory()
        detection = score(detection, FakeModel(vanish))
    assert (detection.state, detection.error_code) == (State.FAILED, "attempts_exhausted")
    assert entries(detection) == ["reserve", "release"]
    assert balance(cast.acme) == (0, 0)


def test_mallory_has_none_of_it(cast: Cast) -> None:
    detection = score(hand_in_text(cast.acme))
    with tenant_scope(cast.rival.id):
        assert detection_of(organization_id=cast.rival.id, detection_id=detection.pk) is None
    with operator_scope():
        assert detection_of(organization_id=cast.rival.id, detection_id=detection.pk) is None
