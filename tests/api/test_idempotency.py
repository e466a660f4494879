"""The numbered cases of detection.services.idempotent_replies, as callers see them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.utils import timezone

from detection.api import access
from detection.api.views import detections as detections_view
from detection.models import IdempotentReply
from detection.services.idempotent_replies import (
    KEPT_FOR,
    RUNNING_AT_MOST,
    Claim,
    ClaimLost,
    claim_key,
    forget_expired_replies,
    keep_reply,
)
from detection.services.submission import submit_text
from tests.api.client import Caller
from tests.cast import Cast
from tests.services.detections import at_once, balance, paper
from zhenwen.tenancy.scope import tenant_scope

BODY = {"text": paper(300)}


def running(cast: Cast, key: str) -> Claim:
    """As if another process were at work under this key."""
    claim = claim_key(organization_id=cast.acme.id, key=key, request_sha256="0" * 64)
    assert isinstance(claim, Claim)
    return claim


def test_without_a_key_every_call_counts(alice: Caller) -> None:
    assert alice.post("detections", BODY).json["id"] != alice.post("detections", BODY).json["id"]


@pytest.mark.parametrize("path", ["detections", "detect", "batches"])
def test_3_the_same_call_again_gets_the_first_reply(cast: Cast, alice: Caller, path: str) -> None:
    bodies: dict[str, Any] = {
        "detections": BODY,
        "detect": BODY | {"deadline_seconds": 0},
        "batches": {"texts": [BODY]},
    }
    body = bodies[path]
    first = alice.post(path, body, Idempotency_Key="one")
    reserved = balance(cast.acme)
    again = alice.post(path, body, Idempotency_Key="one")
    assert (again.status, again.json) == (first.status, first.json)
    assert again.headers.get("Location") == first.headers.get("Location")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert balance(cast.acme) == reserved


def test_3_a_form_is_the_same_call_whatever_its_boundary(alice: Caller) -> None:
    def send(boundary: bytes, content: bytes) -> tuple[int, str]:
        reply = alice.call(
            "POST",
            "detections",
            b"--%b\r\nContent-Disposition: form-data; name=file; filename=a.txt\r\n\r\n%b\r\n--%b--\r\n"
            % (boundary, content, boundary),
            content_type=f"multipart/form-data; boundary={boundary.decode()}",
            headers={"Idempotency-Key": "one"},
        )
        return reply.status, reply.json.get("id") or reply.code

    first = send(b"aaa", b"x")
    assert first[0] == 202
    assert send(b"bbb", b"x") == first
    assert send(b"bbb", b"y") == (422, "idempotency_key_reused")


def test_3_fields_in_another_order_are_the_same_call(alice: Caller) -> None:
    first = alice.post("detections", {"title": "甲", **BODY}, Idempotency_Key="one")
    again = alice.post("detections", {**BODY, "title": "甲"}, Idempotency_Key="one")
    assert again.json["id"] == first.json["id"]


@pytest.mark.parametrize(
    ("path", "body"),
    [("detections", {"text": paper(600)}), ("detections", BODY | {"title": "x"}), ("detect", BODY)],
)
def test_4_the_key_of_another_call_is_refused(alice: Caller, path: str, body: dict[str, str]) -> None:
    alice.post("detections", BODY, Idempotency_Key="one")
    reply = alice.post(path, body, Idempotency_Key="one")
    assert (reply.status, reply.code) == (422, "idempotency_key_reused")


def test_5_while_the_first_call_runs_the_second_is_refused(
    alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    replies = []

    def called_again_meanwhile(**arguments: object) -> object:
        replies.append(alice.post("detections", BODY, Idempotency_Key="one"))
        return submit_text(**arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(detections_view, "submit_text", called_again_meanwhile)
    assert alice.post("detections", BODY, Idempotency_Key="one").status == 202
    assert [(reply.status, reply.code) for reply in replies] == [(409, "idempotency_key_running")]
    assert replies[0].headers["Retry-After"] == "1"


@pytest.mark.django_db(transaction=True)
def test_5_of_many_at_once_one_happens(cast: Cast, alice: Caller) -> None:
    replies = at_once(6, lambda: alice.post("detections", BODY, Idempotency_Key="one"))
    done = {reply.json["id"] for reply in replies if reply.status == 202}
    assert len(done) == 1
    assert {reply.status for reply in replies} <= {202, 409}
    assert len(alice.get("detections").json["detections"]) == 1


def test_6_after_a_refusal_the_key_is_free(cast: Cast, alice: Caller) -> None:
    for body, status in (({"text": " "}, 422), ({"text": "字" * 400_001}, 413)):
        assert alice.post("detections", body, Idempotency_Key="one").status == status
    assert alice.post("detections", BODY, Idempotency_Key="one").status == 202


def test_6_after_an_outage_the_key_is_free(alice: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_arguments: object) -> None:
        raise OperationalError

    monkeypatch.setattr(detections_view, "submit_text", away)
    assert alice.post("detections", BODY, Idempotency_Key="one").status == 503
    monkeypatch.undo()
    assert alice.post("detections", BODY, Idempotency_Key="one").status == 202


def test_2_a_call_that_fails_at_the_end_leaves_nothing(
    cast: Cast, alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(detections_view, "accepted", broken)
    reply = alice.post("detections", BODY, Idempotency_Key="one")
    assert (reply.status, reply.code) == (500, "internal_error")
    assert balance(cast.acme) == (0, 0)
    assert alice.get("detections").json["detections"] == []
    monkeypatch.undo()
    assert alice.post("detections", BODY, Idempotency_Key="one").status == 202


def test_7_a_dead_call_is_taken_over_and_cannot_finish(cast: Cast) -> None:
    dead = running(cast, "one")
    with time_machine.travel(timezone.now() + RUNNING_AT_MOST + timedelta(seconds=1), tick=False):
        taken = claim_key(organization_id=cast.acme.id, key="one", request_sha256="1" * 64)
        assert isinstance(taken, Claim)
    with tenant_scope(cast.acme.id):
        with pytest.raises(ClaimLost):
            keep_reply(claim=dead, status=202, body={})
        keep_reply(claim=taken, status=202, body={})


def test_7_a_call_that_was_taken_over_has_no_effect(
    cast: Cast, alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:

    def overtaken(**arguments: object) -> object:
        IdempotentReply.objects.update(created_at=timezone.now() + timedelta(minutes=3))
        return submit_text(**arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(detections_view, "submit_text", overtaken)
    reply = alice.post("detections", BODY, Idempotency_Key="one")
    assert (reply.status, reply.code) == (409, "idempotency_key_running")
    assert alice.get("detections").json["detections"] == []
    assert balance(cast.acme) == (0, 0)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("is_cached", [False, True])
def test_7_what_a_dead_call_had_done_is_found_and_charged_once(
    cast: Cast, alice: Caller, monkeypatch: pytest.MonkeyPatch, is_cached: bool
) -> None:
    """The process dies after the detection, before its reply is kept."""

    def dies(**_arguments: object) -> None:
        raise OperationalError

    if is_cached:
        alice.post("detect", BODY)
    used = alice.get("usage").json["used_characters"]
    monkeypatch.setattr(access, "keep_reply", dies)
    first = alice.post("detect", BODY, Idempotency_Key="one")
    monkeypatch.undo()
    assert first.status == 200
    assert alice.post("detect", BODY, Idempotency_Key="one").code == "idempotency_key_running"
    with time_machine.travel(timezone.now() + RUNNING_AT_MOST + timedelta(seconds=1)):
        again = alice.post("detect", BODY, Idempotency_Key="one")
    assert (again.status, again.json["id"]) == (200, first.json["id"])
    used_by_both = alice.get("usage").json["used_characters"] - used
    assert used_by_both == first.json["characters"]


def test_8_after_a_day_a_key_is_forgotten(cast: Cast, alice: Caller) -> None:
    first = alice.post("detections", BODY, Idempotency_Key="one")
    with time_machine.travel(timezone.now() + KEPT_FOR + timedelta(seconds=1), tick=False):
        assert alice.post("detections", BODY, Idempotency_Key="one").json["id"] != first.json["id"]
    with time_machine.travel(timezone.now() + 3 * KEPT_FOR), tenant_scope(cast.acme.id):
        assert forget_expired_replies() == 1
        assert not IdempotentReply.objects.exists()


@pytest.mark.parametrize("key", ["", "字", "x" * 256, "a\tb"])
def test_a_key_that_is_none_is_refused(alice: Caller, key: str) -> None:
    reply = alice.post("detections", BODY, Idempotency_Key=key)
    assert (reply.status, reply.code) == (400, "idempotency_key_invalid")


def test_a_file_is_still_whole_after_it_was_compared(cast: Cast, alice: Caller) -> None:
    data = paper(300).encode()
    alice.post_form("detections", {"file": SimpleUploadedFile("a.txt", data)}, Idempotency_Key="one")
    with tenant_scope(cast.acme.id):
        from detection.models import DocumentContent

        assert bytes(DocumentContent.objects.get().file_bytes or b"") == data
