"""Handing in, following, cancelling and erasing."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from detection.models import Detection, Document, IdempotentReply
from tests.api.client import Caller
from tests.cast import Cast
from tests.services.detections import balance, extract, paper, score
from zhenwen.audit.models import AuditEvent
from zhenwen.tenancy.scope import tenant_scope


def upload(data: bytes, name: str = "论文.txt") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def row(cast: Cast, reply_json: dict[str, Any]) -> Detection:
    with tenant_scope(cast.acme.id):
        return Detection.objects.select_related("document").get(pk=reply_json["id"])


def test_a_text_is_accepted_and_can_be_followed_to_its_result(
    cast: Cast, alice: Caller, fake_version: object
) -> None:
    reply = alice.post("detections", {"text": paper(600), "title": "社区参与", "external_id": "17"})
    assert reply.status == 202
    assert reply.json["state"] == "queued_for_scoring"
    assert reply.json["characters"] > 0
    assert alice.get(reply.headers["Location"]).json == reply.json
    score(row(cast, reply.json))
    finished = alice.get(reply.headers["Location"]).json
    assert (finished["state"], finished["progress"]) == ("succeeded", 1.0)
    assert finished["result"]["verdict"] in ("human", "inconclusive")


def test_a_file_is_accepted_and_read_in_the_background(
    cast: Cast, alice: Caller, fake_version: object
) -> None:
    file = upload(paper(600).encode("gb18030"), "甄文 测试.txt")
    reply = alice.post_form("detections", {"file": file, "external_id": "18"})
    assert reply.status == 202
    assert (reply.json["state"], reply.json["characters"]) == ("queued", None)
    assert reply.json["document"]["filename"] == "甄文 测试.txt"
    score(extract(row(cast, reply.json)))
    assert alice.get(reply.headers["Location"]).json["state"] == "succeeded"


def test_a_file_that_cannot_be_read_fails_with_a_reason_in_the_callers_language(
    cast: Cast, alice: Caller
) -> None:
    reply = alice.post_form("detections", {"file": upload(b"%PDF-1.7 broken", "paper.pdf")})
    extract(row(cast, reply.json))
    failed = alice.get(reply.headers["Location"], Accept_Language="en").json
    assert failed["state"] == "failed"
    assert failed["error"]["code"] == "broken_file"
    assert failed["error"]["title"] == "The file is damaged and cannot be read."
    assert failed["result"] is None
    assert balance(cast.acme) == (0, 0)


@pytest.mark.parametrize(
    ("name", "data", "status", "code"),
    [
        ("empty.docx", b"", 422, "empty_file"),
        ("program.exe", b"MZ", 415, "unsupported_type"),
        ("noextension", b"text", 415, "unsupported_type"),
        ("old.doc", b"\xd0\xcf\x11\xe0", 415, "legacy_doc"),
    ],
)
def test_what_is_wrong_at_first_sight_is_refused_at_the_door(
    cast: Cast, alice: Caller, name: str, data: bytes, status: int, code: str
) -> None:
    reply = alice.post_form("detections", {"file": upload(data, name)})
    assert (reply.status, reply.code) == (status, code)
    assert alice.get("detections").json["detections"] == []


def test_a_text_beyond_the_allowance_is_refused_with_what_is_left(cast: Cast, alice: Caller) -> None:
    for _ in range(3):
        assert alice.post("detections", {"text": "字。" * 150_000}).status == 202
    reply = alice.post("detections", {"text": "字。" * 150_000})
    assert (reply.status, reply.code) == (402, "allowance_exceeded")
    assert reply.json["asked_characters"] > reply.json["remaining_characters"] > 0
    assert len(alice.get("detections").json["detections"]) == 3


def test_too_long_a_text_is_refused_with_the_limit(cast: Cast, alice: Caller) -> None:
    reply = alice.post("detections", {"text": "字" * 400_001})
    assert (reply.status, reply.code) == (413, "too_long")
    assert reply.json["limit_characters"] == 400_000


def test_cancelling_releases_what_was_reserved(cast: Cast, alice: Caller) -> None:
    detection = alice.post("detections", {"text": paper(600)}).json
    assert balance(cast.acme)[0] > 0
    reply = alice.post(f"detections/{detection['id']}/cancel")
    assert (reply.status, reply.json["state"]) == (200, "cancelled")
    assert balance(cast.acme) == (0, 0)
    again = alice.post(f"detections/{detection['id']}/cancel")
    assert (again.status, again.code) == (409, "detection_not_cancellable")


def test_cancelling_is_in_the_audit_log_under_the_keys_hint(cast: Cast, alice: Caller) -> None:
    detection = alice.post("detections", {"text": paper(600)}).json
    alice.post(f"detections/{detection['id']}/cancel")
    with tenant_scope(cast.acme.id):
        event = AuditEvent.objects.get(action="detection.cancelled")
    assert event.actor_label.startswith("zw_live_")
    assert event.actor_label not in cast.acme_key


def test_deleting_erases_document_results_and_kept_replies(cast: Cast, alice: Caller) -> None:
    detection = alice.post("detections", {"text": paper(600)}, Idempotency_Key="one").json
    address = f"detections/{detection['id']}"
    assert alice.delete(address).status == 204
    assert alice.get(address).status == 404
    assert alice.delete(address).status == 404
    assert alice.get("detections").json["detections"] == []
    with tenant_scope(cast.acme.id):
        assert not Document.objects.exists()
        assert not IdempotentReply.objects.exists()


def test_an_id_that_is_none_is_not_found(alice: Caller) -> None:
    for nonsense in ("17", "none", f"{uuid.uuid4()}/", "%00"):
        reply = alice.get(f"detections/{nonsense}")
        assert (reply.status, reply.code) == (404, "not_found")


def test_addresses_are_those_of_the_documentation() -> None:
    own_id = uuid.uuid4()
    assert reverse("api:detection", args=[own_id]) == f"/api/v1/detections/{own_id}"


def test_texts_of_a_batch_are_accepted_together(cast: Cast, alice: Caller) -> None:
    texts = [{"text": paper(300, number=number), "external_id": str(number)} for number in range(3)]
    reply = alice.post("batches", {"name": "2026 秋季", "texts": texts})
    assert reply.status == 202
    assert [d["document"]["external_id"] for d in reply.json["detections"]] == ["0", "1", "2"]
    listed = alice.get("detections", {"batch": reply.json["id"]}).json["detections"]
    assert {d["id"] for d in listed} == {d["id"] for d in reply.json["detections"]}


def test_of_a_batch_with_a_bad_text_nothing_is_accepted(cast: Cast, alice: Caller) -> None:
    reply = alice.post("batches", {"texts": [{"text": paper(300)}, {"text": "  "}]})
    assert (reply.status, reply.code) == (422, "empty_text")
    assert [error["field"] for error in reply.json["errors"]] == ["texts.1.text"]
    assert alice.get("detections").json["detections"] == []
    assert balance(cast.acme) == (0, 0)


def test_files_join_a_batch_one_by_one(alice: Caller) -> None:
    batch = alice.post("batches").json
    file = upload(paper(300).encode())
    detection = alice.post_form("detections", {"file": file, "batch": batch["id"]}).json
    listed = alice.get("detections", {"batch": batch["id"]}).json["detections"]
    assert [d["id"] for d in listed] == [detection["id"]]
