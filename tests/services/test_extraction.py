"""A file becomes a text with its characters reserved, or fails with a reason and costs nothing."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from detection.models import DocumentContent
from detection.services.extraction import blame_file
from detection.states import State
from tests.cast import Cast, make_cast
from tests.services.detections import balance, entries, extract, fresh, hand_in_file, paper
from zhenwen.jobs.queues import DOCUMENTS, EXTRACT, waiting_count
from zhenwen.tenancy.scope import tenant_scope

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_file_is_read_counted_and_handed_on(cast: Cast) -> None:
    detection = extract(hand_in_file(cast.acme, paper(600).encode("gb18030")))
    assert detection.state == State.QUEUED_FOR_SCORING
    assert balance(cast.acme) == (detection.characters, 0)
    assert waiting_count(DOCUMENTS) == 1
    with tenant_scope(cast.acme.id):
        text = DocumentContent.objects.get().text
    assert text is not None
    assert text.strip() == paper(600)


def test_a_file_longer_than_what_is_left_fails_and_costs_nothing(db: None) -> None:
    cast = make_cast(granted_characters=300)
    detection = extract(hand_in_file(cast.acme, paper(600).encode()))
    assert (detection.state, detection.error_code) == (State.FAILED, "allowance_exceeded")
    assert balance(cast.acme) == (0, 0)
    assert entries(detection) == []


def test_a_file_that_cannot_be_read_says_why(cast: Cast) -> None:
    detection = extract(hand_in_file(cast.acme, b"%PDF-1.7 but no more", "论文.pdf"))
    assert (detection.state, detection.error_code) == (State.FAILED, "broken_file")
    assert entries(detection) == []


def test_a_file_too_large_for_memory_fails_at_once(cast: Cast) -> None:
    detection = hand_in_file(cast.acme, paper(600).encode())
    with patch("detection.services.extraction.extract_file", side_effect=MemoryError):
        assert extract(detection).error_code == "file_too_demanding"


def test_a_file_that_kills_its_reader_twice_is_the_culprit(cast: Cast) -> None:
    detection = hand_in_file(cast.acme, paper(600).encode())
    with patch("detection.services.extraction.extract_file", side_effect=KeyError("正文")):
        after = extract(detection)
        assert (after.state, after.attempt) == (State.QUEUED, 2)
        assert waiting_count(EXTRACT) == 2, "the second attempt is a message of its own"
        after = extract(after)
    assert (after.state, after.error_code) == (State.FAILED, "file_too_demanding")
    assert entries(detection) == []


def test_a_late_word_of_a_dead_reader_changes_nothing(cast: Cast) -> None:
    detection = extract(hand_in_file(cast.acme, paper(600).encode()))
    blame_file(organization_id=cast.acme.id, detection_id=str(detection.pk), attempt=1)
    assert fresh(detection).state == State.QUEUED_FOR_SCORING
