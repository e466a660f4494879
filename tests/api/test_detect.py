"""One call: a text in, its verdict with sentences and offsets in the same reply."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.db import connection

from detection.errors import DetectionError
from detection.models import Detection
from detection.services import realtime
from detection.services.lifecycle import fail_detection
from tests.api.client import Caller
from tests.cast import Cast
from tests.services.detections import balance, paper, score
from zhenwen.http.middleware import ENGLISH
from zhenwen.tenancy.scope import tenant_scope

TEXT = paper(600)


@pytest.mark.usefixtures("worker")
def test_a_text_is_answered_in_the_same_reply(alice: Caller) -> None:
    reply = alice.post("detect", {"text": TEXT, "title": "社区参与", "external_id": "17"})
    assert reply.status == 200
    assert reply.json["state"] == "succeeded"
    assert reply.json["document"] | {"id": ""} == {
        "id": "",
        "title": "社区参与",
        "filename": "",
        "source": "text",
        "external_id": "17",
    }
    sentences = reply.json["result"]["sentences"]
    assert TEXT[sentences[1]["start"] : sentences[1]["end"]].strip() in TEXT
    assert reply.json["result"]["characters"] > 0


@pytest.mark.usefixtures("worker")
def test_what_was_detected_can_be_read_again(alice: Caller) -> None:
    detected = alice.post("detect", {"text": TEXT}).json
    assert alice.get(f"detections/{detected['id']}").json == detected


def test_a_deadline_that_passes_turns_the_reply_into_a_link(alice: Caller, cast: Cast) -> None:
    reply = alice.post("detect", {"text": TEXT, "deadline_seconds": 0})
    assert reply.status == 202
    assert reply.json["result"] is None
    assert reply.headers["Location"] == f"/api/v1/detections/{reply.json['id']}"
    assert int(reply.headers["Retry-After"]) >= 1
    assert alice.get(reply.headers["Location"]).json["state"] == "queued_for_scoring"


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_it_waits(
    alice: Caller, fake_version: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def look(detection: Detection, *, seconds: float) -> None:
        seen.append(connection.in_atomic_block)
        score(detection)

    monkeypatch.setattr(realtime, "wait_for_end", look)
    monkeypatch.setattr(realtime, "wait_for_answer", lambda **_: seen.append(connection.in_atomic_block))
    assert alice.post("detect", {"text": TEXT}, Idempotency_Key="one").status == 200
    assert seen == [False, False]


@pytest.mark.usefixtures("worker")
def test_too_short_a_text_is_no_error_but_inconclusive(alice: Caller) -> None:
    reply = alice.post("detect", {"text": "春眠不觉晓，处处闻啼鸟。"})
    assert reply.status == 200
    assert reply.json["result"]["verdict"] == "inconclusive"
    assert "too_short" in reply.json["result"]["reasons"]


@pytest.mark.usefixtures("worker")
def test_a_repeated_text_is_answered_from_the_cache_in_the_callers_language(alice: Caller) -> None:
    first = alice.post("detect", {"text": TEXT}).json["result"]
    again = alice.post("detect", {"text": TEXT}, Accept_Language=ENGLISH).json["result"]
    assert "sole evidence" in again["notice"]
    assert again | {"notice": ""} == first | {"notice": ""}


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000\n"])
def test_an_empty_text_is_refused_and_costs_nothing(alice: Caller, cast: Cast, text: str) -> None:
    reply = alice.post("detect", {"text": text})
    assert (reply.status, reply.code) == (422, "empty_text")
    assert balance(cast.acme) == (0, 0)


def test_a_text_for_the_background_is_refused_with_the_limit(
    alice: Caller, settings: LazySettings, cast: Cast
) -> None:
    settings.REALTIME_CHARACTERS_AT_MOST = 100
    reply = alice.post("detect", {"text": "字" * 101})
    assert (reply.status, reply.code) == (413, "too_long")
    assert reply.json["limit_characters"] == 100
    assert "100" in reply.json["detail"]
    assert "/api/v1/detections" in reply.json["action"]
    assert balance(cast.acme) == (0, 0)


def test_what_fails_is_our_fault_and_costs_nothing(
    alice: Caller, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(detection: Detection, seconds: float) -> None:
        with tenant_scope(cast.acme.id):
            assert fail_detection(detection=detection, code=DetectionError.ATTEMPTS_EXHAUSTED)

    monkeypatch.setattr(realtime, "wait_for_end", fail)
    reply = alice.post("detect", {"text": TEXT})
    assert (reply.status, reply.code) == (503, "service_unavailable")
    assert "Retry-After" in reply.headers
    assert balance(cast.acme) == (0, 0)


def test_too_many_waiting_are_turned_away_at_the_door(
    alice: Caller, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(realtime, "waiting_count", lambda queue: 1_000_000)
    reply = alice.post("detect", {"text": TEXT})
    assert (reply.status, reply.code) == (503, "overloaded")
    assert reply.headers["Retry-After"] == "2"
    assert balance(cast.acme) == (0, 0)


@pytest.mark.parametrize("deadline", [-1, 31, "5", True, None, float("1e400")])
def test_a_deadline_that_is_none_is_refused_by_name(alice: Caller, deadline: object) -> None:
    reply = alice.post("detect", {"text": TEXT, "deadline_seconds": deadline})
    # JSON has no infinity, so that one is broken JSON already.
    if deadline == float("inf"):
        assert (reply.status, reply.code) == (400, "malformed_body")
    else:
        assert (reply.status, reply.code) == (422, "invalid_request")
        assert list(reply.wrong_fields) == ["deadline_seconds"]
