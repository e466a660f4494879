"""Handing in by page: every file for itself, refusals in words, nothing left behind."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from detection.models import Batch, Detection, Document
from tests.cast import Cast
from tests.web.papers import HUMAN_PAPER
from zhenwen.ledger.models import Allowance
from zhenwen.tenancy.scope import tenant_scope

FILES = "/o/acme/submit/files"
JSON = {"Accept": "application/json"}


@pytest.fixture
def bob(cast: Cast) -> Client:
    return cast.client_of(cast.bob)


def upload(name: str, data: bytes = HUMAN_PAPER.encode()) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def stored(cast: Cast) -> list[Document]:
    with tenant_scope(cast.acme.id):
        return list(Document.objects.order_by("filename"))


def test_a_pasted_text_leads_to_its_detection(cast: Cast, bob: Client) -> None:
    response = bob.post("/o/acme/submit/text", {"text": HUMAN_PAPER, "title": "老街"})
    with tenant_scope(cast.acme.id):
        detection = Detection.objects.get()
    assert response.headers["Location"] == reverse("detection", args=["acme", detection.id])
    assert detection.created_by_label == "bob@example.com"
    assert [document.title for document in stored(cast)] == ["老街"]


def test_an_empty_text_is_refused_in_words(cast: Cast, bob: Client) -> None:
    response = bob.post("/o/acme/submit/text", {"text": " \n "}, follow=True)
    assert "提交的内容里没有文字" in response.content.decode()
    assert stored(cast) == []


def test_a_text_that_is_refused_stays_in_its_field(cast: Cast, bob: Client) -> None:
    with tenant_scope(cast.acme.id):
        Allowance.objects.update(granted_characters=10)
    response = bob.post("/o/acme/submit/text", {"text": HUMAN_PAPER, "title": "老街"})
    content = response.content.decode()
    assert response.status_code == 422
    assert f">{HUMAN_PAPER}</textarea>" in content
    assert 'value="老街"' in content
    assert 'aria-controls="panel-text" aria-selected="true"' in content
    assert 'hx-get="/o/acme/"' in content
    assert bob.get("/o/acme/submit/text").headers["Location"] == "/o/acme/"


def test_the_script_learns_what_became_of_each_file(cast: Cast, bob: Client) -> None:
    names = ["a.txt", "old.doc", "empty.txt", "tool.exe", "notes.markdown"]
    files = [upload(name, b"" if name == "empty.txt" else HUMAN_PAPER.encode()) for name in names]
    outcomes = bob.post(FILES, {"files": files}, headers=JSON).json()["files"]
    assert [outcome["filename"] for outcome in outcomes] == names
    assert outcomes[0]["address"].startswith("/o/acme/detections/")
    assert "旧版 Word" in outcomes[1]["error"]
    assert "空" in outcomes[2]["error"]
    assert ".docx" in outcomes[3]["error"]
    assert [document.filename for document in stored(cast)] == ["a.txt", "notes.markdown"]


def test_a_file_that_is_too_large_is_refused(cast: Cast, bob: Client, settings: Settings) -> None:
    settings.UPLOAD_SIZE_BYTES_AT_MOST = 1024 * 1024
    outcome = bob.post(FILES, {"files": [upload("a.txt", b"a" * 1024 * 1025)]}, headers=JSON).json()
    assert "1 MB" in outcome["files"][0]["error"]
    assert stored(cast) == []


def test_without_the_script_several_files_become_a_batch(cast: Cast, bob: Client) -> None:
    response = bob.post(FILES, {"files": [upload("a.txt"), upload("b.md")]})
    with tenant_scope(cast.acme.id):
        batch = Batch.objects.get()
    assert response.headers["Location"] == reverse("batch", args=["acme", batch.id])
    assert [document.batch_id for document in stored(cast)] == [batch.id, batch.id]


def test_without_the_script_one_file_leads_to_its_detection(cast: Cast, bob: Client) -> None:
    response = bob.post(FILES, {"files": [upload("a.txt")]})
    assert response.headers["Location"].startswith("/o/acme/detections/")


def test_choosing_no_file_is_said(bob: Client) -> None:
    response = bob.post(FILES, {}, follow=True)
    assert "至少选择一个文件" in response.content.decode()


def test_the_script_gathers_files_in_a_batch_of_its_own(cast: Cast, bob: Client) -> None:
    batch = bob.post("/o/acme/submit/batch").json()
    bob.post(FILES, {"files": [upload("a.txt")], "batch": batch["id"]}, headers=JSON)
    assert [str(document.batch_id) for document in stored(cast)] == [batch["id"]]
    assert bob.get(batch["address"]).status_code == 200


@pytest.mark.parametrize("batch", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_a_batch_that_is_none_is_not_found(batch: str, cast: Cast, bob: Client) -> None:
    response = bob.post(FILES, {"files": [upload("a.txt")], "batch": batch}, headers=JSON)
    assert response.status_code == 404
    assert stored(cast) == []


def test_mallory_cannot_add_to_acmes_batch(cast: Cast, bob: Client) -> None:
    batch = bob.post("/o/acme/submit/batch").json()["id"]
    mallory = cast.client_of(cast.mallory)
    response = mallory.post("/o/rival/submit/files", {"files": [upload("a.txt")], "batch": batch})
    assert response.status_code == 404


def test_beyond_the_allowance_nothing_is_stored(cast: Cast, bob: Client) -> None:
    with tenant_scope(cast.acme.id):
        Allowance.objects.update(granted_characters=10)
    response = bob.post("/o/acme/submit/text", {"text": HUMAN_PAPER}, follow=True)
    assert "本月额度不足：只剩 10 个字符" in response.content.decode()
    assert stored(cast) == []


def test_a_page_open_for_too_long_says_so(cast: Cast) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.bob, backend="allauth.account.auth_backends.AuthenticationBackend")
    response = strict.post("/o/acme/submit/text", {"text": HUMAN_PAPER})
    assert response.status_code == 403
    assert "页面打开得太久了" in response.content.decode()


def test_more_than_a_form_may_hold_is_said_to_be_too_large(
    cast: Cast, bob: Client, settings: Settings
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = bob.post("/o/acme/submit/text", {"text": HUMAN_PAPER})
    assert response.status_code == 413
    assert "内容过大" in response.content.decode()
    assert stored(cast) == []
