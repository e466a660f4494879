"""The list: filters, and pages that stay right while detections come in."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from detection.models import Detection
from tests.api.client import Caller
from tests.cast import Cast
from tests.services.detections import hand_in_text, paper, score
from zhenwen.tenancy.scope import tenant_scope


def hand_in(cast: Cast, count: int) -> list[str]:
    """Ids, newest first."""
    return [str(hand_in_text(cast.acme, paper(200, number=number)).pk) for number in range(count)][::-1]


def ids(alice: Caller, **query: str) -> list[str]:
    return [detection["id"] for detection in alice.get("detections", query).json["detections"]]


def test_an_empty_list_is_a_last_page(alice: Caller) -> None:
    assert alice.get("detections").json == {"detections": [], "next_cursor": None}


def test_pages_follow_each_other_without_gap_or_repetition(cast: Cast, alice: Caller) -> None:
    expected = hand_in(cast, 5)
    seen: list[str] = []
    query = {"limit": "2"}
    for expected_rows in (2, 2, 1):
        page = alice.get("detections", query).json
        assert len(page["detections"]) == expected_rows
        seen += [detection["id"] for detection in page["detections"]]
        hand_in_text(cast.acme, "有人在此时又交来一篇。" * 10)
        query = {"limit": "2", "cursor": page["next_cursor"]}
    assert page["next_cursor"] is None
    assert seen == expected


def test_rows_of_one_moment_are_not_lost_between_pages(cast: Cast, alice: Caller) -> None:
    expected = set(hand_in(cast, 5))
    moment = timezone.now()
    with tenant_scope(cast.acme.id):
        Detection.objects.update(created_at=moment)
    first = alice.get("detections", {"limit": "3"}).json
    rest = alice.get("detections", {"limit": "3", "cursor": first["next_cursor"]}).json
    found = [detection["id"] for detection in first["detections"] + rest["detections"]]
    assert len(found) == 5
    assert set(found) == expected


def test_filters(cast: Cast, alice: Caller, fake_version: object) -> None:
    waiting = alice.post("detections", {"text": paper(300), "external_id": "17"}).json["id"]
    finished = hand_in_text(cast.acme, "短。")
    score(finished)
    verdict = alice.get(f"detections/{finished.pk}").json["result"]["verdict"]
    assert ids(alice, state="queued_for_scoring") == [waiting]
    assert ids(alice, state="succeeded", verdict=verdict) == [str(finished.pk)]
    assert ids(alice, verdict="ai") == []
    assert ids(alice, external_id="17") == [waiting]


def test_filters_by_time_take_the_first_moment_and_leave_the_last(cast: Cast, alice: Caller) -> None:
    detection = hand_in_text(cast.acme)
    moment, later = detection.created_at, detection.created_at + timedelta(microseconds=1)

    def text(time: datetime) -> str:
        return time.isoformat()

    assert ids(alice, created_after=text(moment)) == [str(detection.pk)]
    assert ids(alice, created_after=text(later)) == []
    assert ids(alice, created_before=text(moment)) == []
    assert ids(alice, created_before=text(later)) == [str(detection.pk)]


def test_a_list_shows_results_without_spans(cast: Cast, alice: Caller, fake_version: object) -> None:
    score(hand_in_text(cast.acme))
    (summary,) = alice.get("detections").json["detections"]
    assert "verdict" in summary["result"]
    assert "sentences" not in summary["result"]


def test_a_page_costs_the_same_however_many_rows_it_has(
    cast: Cast, alice: Caller, fake_version: object, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(4):
        score(hand_in_text(cast.acme, paper(200, number=number)))
    alice.get("usage")  # notes the use of the key
    # The key; the scope: savepoint, read and set the organization; the rows; set it back, release.
    with django_assert_num_queries(7):
        assert len(ids(alice)) == 4


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": "done"}, "state"),
        ({"state": ""}, "state"),
        ({"verdict": "guilty"}, "verdict"),
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"batch": "17"}, "batch"),
        ({"created_after": "yesterday"}, "created_after"),
        ({"created_after": "2026-09-01T00:00:00"}, "created_after"),
        ({"created_before": "2026-13-01T00:00:00Z"}, "created_before"),
        ({"external_id": "\x00"}, "external_id"),
        ({"organization": "rival"}, "organization"),
    ],
)
def test_a_parameter_that_is_none_is_refused_by_name(
    alice: Caller, query: dict[str, str], field: str
) -> None:
    reply = alice.get("detections", query)
    assert (reply.status, reply.code) == (400, "invalid_query")
    assert list(reply.wrong_fields) == [field]


def test_a_parameter_given_twice_is_refused(alice: Caller) -> None:
    reply = alice.get("/api/v1/detections?state=failed&state=succeeded")
    assert (reply.status, reply.wrong_fields) == (400, {"state": "repeated"})


CURSORS = {
    "no base64": "?",
    "no JSON": base64.urlsafe_b64encode(b"x").decode(),
    "no list": base64.urlsafe_b64encode(b"17").decode(),
    "no time": base64.urlsafe_b64encode(b'["x", "x"]').decode(),
    "no time zone": base64.urlsafe_b64encode(b'["2026-11-24T10:00:00", "%s"]' % (b"0" * 32)).decode(),
    "no id": base64.urlsafe_b64encode(b'["2026-11-24T10:00:00+00:00", 17]').decode(),
    "before time began": base64.urlsafe_b64encode(
        b'["0001-01-01T00:00:00+14:00", "%s"]' % (b"0" * 32)
    ).decode(),
    "deep": base64.urlsafe_b64encode(b"[" * 300).decode(),
    "Chinese": "游标",
}


@pytest.mark.parametrize("name", CURSORS)
def test_a_cursor_of_ones_own_making_is_refused(alice: Caller, name: str) -> None:
    reply = alice.get("detections", {"cursor": CURSORS[name]})
    assert (reply.status, reply.code) == (400, "invalid_cursor")
