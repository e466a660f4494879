"""For Mallory nothing of Alice's institution exists."""

from __future__ import annotations

import pytest

from detection.api.urls import urlpatterns
from detection.models import Detection
from tests.api.client import Caller
from tests.api.test_access import ENDPOINTS, NOBODYS_ID
from tests.cast import Cast
from tests.services.detections import balance, hand_in_text, paper
from zhenwen.tenancy.scope import tenant_scope

OBJECT_ENDPOINTS = [(method, path) for method, path, _scope in ENDPOINTS if NOBODYS_ID in path]


def test_the_sweep_sees_every_object_address() -> None:
    with_object = [pattern for pattern in urlpatterns if "<" in str(pattern.pattern)]
    assert {path for _method, path in OBJECT_ENDPOINTS} == {
        str(pattern.pattern).replace("<uuid:detection_id>", NOBODYS_ID) for pattern in with_object
    }
    assert len(OBJECT_ENDPOINTS) == 3


@pytest.mark.parametrize(("method", "path"), OBJECT_ENDPOINTS)
def test_mallory_gets_404_as_for_what_never_was(
    cast: Cast, alice: Caller, mallory: Caller, method: str, path: str
) -> None:
    detection = hand_in_text(cast.acme)
    own_path = path.replace(NOBODYS_ID, str(detection.pk))
    refused, unknown = mallory.call(method, own_path), mallory.call(method, path)
    assert (refused.status, refused.code) == (404, "not_found")
    assert refused.json | {"request_id": ""} == unknown.json | {"request_id": ""}
    with tenant_scope(cast.acme.id):
        assert Detection.objects.get(pk=detection.pk).state == "queued_for_scoring"
    assert alice.call(method, own_path).status < 300, "it is Alice's, and there"


def test_lists_and_usage_show_the_own_only(cast: Cast, alice: Caller, mallory: Caller) -> None:
    hand_in_text(cast.acme)
    assert len(alice.get("detections").json["detections"]) == 1
    assert mallory.get("detections").json["detections"] == []
    assert mallory.get("usage").json["reserved_characters"] == 0


def test_a_text_cannot_join_anothers_batch(cast: Cast, alice: Caller, mallory: Caller) -> None:
    batch = alice.post("batches", {"name": "2026"}).json
    reply = mallory.post("detections", {"text": paper(300), "batch": batch["id"]})
    assert (reply.status, reply.wrong_fields) == (422, {"batch": "not_found"})
    assert mallory.get("detections", {"batch": batch["id"]}).json["detections"] == []
    assert balance(cast.rival) == (0, 0)


def test_anothers_idempotency_key_is_unknown(alice: Caller, mallory: Caller) -> None:
    first = alice.post("detections", {"text": paper(300)}, Idempotency_Key="one")
    other = mallory.post("detections", {"text": paper(300)}, Idempotency_Key="one")
    assert other.status == 202
    assert other.json["id"] != first.json["id"]
