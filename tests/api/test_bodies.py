"""Bodies that are not what they should be: each is refused by name, none is half taken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.api.client import Caller
from tests.services.detections import paper

DETECTIONS = "detections"


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"{",
        b"{'text': 'x'}",
        b'{"text": "x"} x',
        b'{"deadline_seconds": NaN}',
        b'{"deadline_seconds": -Infinity}',
        '{"text": "字"}'.encode("gb18030"),
        '{"text": "字"}'.encode("utf-16"),
        b'{"text": "\xed\xa0\x80"}',  # a surrogate as UTF-8
        b'{"text": "\x00"}',
        b"[" * 100_000,
        b'{"deadline_seconds": ' + b"9" * 10_000 + b"}",
        b'["text"]',
        b'"text"',
        b"null",
    ],
)
def test_broken_json_is_said_to_be_broken(alice: Caller, body: bytes) -> None:
    reply = alice.post("detect", body)
    assert (reply.status, reply.code) == (400, "malformed_body")


def test_no_body_at_all_lacks_its_fields(alice: Caller) -> None:
    assert alice.post("detect", b"").wrong_fields == {"text": "required"}


def test_a_byte_order_mark_does_no_harm(alice: Caller) -> None:
    body = b"\xef\xbb\xbf" + json.dumps({"text": paper(300)}).encode()
    assert alice.post(DETECTIONS, body).status == 202


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"title": "x"}, {"text": "required"}),
        ({"text": None}, {"text": "null"}),
        ({"text": 17}, {"text": "invalid"}),
        ({"text": ["字"]}, {"text": "invalid"}),
        ({"text": "字", "title": 17}, {"title": "invalid"}),
        ({"text": "字", "title": "字" * 256}, {"title": "max_length"}),
        ({"text": "字", "title": "\x00"}, {"title": "null_characters_not_allowed"}),
        ({"text": "字", "external_id": "\ud800"}, {"external_id": "surrogate_characters_not_allowed"}),
        ({"text": "字", "external_id": "1" * 101}, {"external_id": "max_length"}),
        ({"text": "字", "batch": "17"}, {"batch": "invalid"}),
        ({"text": "字", "txet": "字", "lang": "zh"}, {"txet": "unknown_field", "lang": "unknown_field"}),
        ({"txet": "字"}, {"text": "required", "txet": "unknown_field"}),
    ],
)
def test_a_wrong_field_is_named(alice: Caller, body: dict[str, Any], wrong: dict[str, str]) -> None:
    reply = alice.post(DETECTIONS, body)
    assert (reply.status, reply.code) == (422, "invalid_request")
    assert reply.wrong_fields == wrong


def test_a_wrong_field_within_a_list_is_named_with_its_place(alice: Caller) -> None:
    reply = alice.post("batches", {"texts": [{"text": "字"}, {"text": 17}, {"text": "字", "name": ""}]})
    assert reply.wrong_fields == {"texts.1.text": "invalid", "texts.2.name": "unknown_field"}


def test_more_texts_than_a_batch_takes_are_refused(alice: Caller) -> None:
    reply = alice.post("batches", {"texts": [{"text": "字"}] * 101})
    assert reply.wrong_fields == {"texts": "max_length"}


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "", "nonsense"])
def test_another_content_type_is_refused(alice: Caller, content_type: str) -> None:
    reply = alice.call("POST", DETECTIONS, b'{"text": "x"}', content_type=content_type)
    assert (reply.status, reply.code) == (415, "unsupported_media_type")


def test_a_form_is_refused_where_no_file_is_taken(alice: Caller) -> None:
    assert alice.post_form("detect", {"text": "x"}).code == "unsupported_media_type"


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "application/JSON", "application/json;v=1"]
)
def test_json_may_be_written_in_several_ways(alice: Caller, content_type: str) -> None:
    body = json.dumps({"text": paper(300)}).encode()
    assert alice.call("POST", DETECTIONS, body, content_type=content_type).status == 202


@pytest.mark.parametrize("accept", ["text/html", "application/problem+json", "image/png", "nonsense"])
def test_whatever_is_accepted_the_reply_is_json(alice: Caller, accept: str) -> None:
    assert alice.get("usage", Accept=accept).json["granted_characters"] == 1_000_000


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, {"file": "required"}),
        ({"file": "論文.docx"}, {"file": "invalid"}),
        ({"file": SimpleUploadedFile("a.txt", b"x"), "name": "x"}, {"name": "unknown_field"}),
        ({"file": SimpleUploadedFile("a.txt", b"x"), "title": ["甲", "乙"]}, {"title": "repeated"}),
    ],
)
def test_a_wrong_part_of_a_form_is_named(
    alice: Caller, fields: dict[str, Any], wrong: dict[str, str]
) -> None:
    reply = alice.post_form(DETECTIONS, fields)
    assert (reply.status, reply.wrong_fields) == (422, wrong)


def test_two_files_at_once_are_refused(alice: Caller) -> None:
    files = [SimpleUploadedFile(name, b"x") for name in ("a.txt", "b.txt")]
    assert alice.post_form(DETECTIONS, {"file": files}).wrong_fields == {"file": "repeated"}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; nonsense"),
        ("multipart/form-data; boundary=" + "b" * 300, b"x"),
    ],
)
def test_a_broken_form_is_refused(alice: Caller, content_type: str, body: bytes) -> None:
    reply = alice.call("POST", DETECTIONS, body, content_type=content_type)
    assert reply.code in ("malformed_body", "unsupported_media_type", "invalid_request")


def test_a_thousand_parts_are_refused(alice: Caller) -> None:
    reply = alice.post_form(DETECTIONS, {f"field{number}": "x" for number in range(1_001)})
    assert (reply.status, reply.code) == (400, "bad_request")


def test_a_file_name_leads_nowhere(alice: Caller) -> None:
    reply = alice.call(
        "POST",
        DETECTIONS,
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="../../etc/\x00pass\x07wd.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\n" + paper(300).encode() + b"\r\n--b--\r\n",
        content_type="multipart/form-data; boundary=b",
    )
    assert reply.status == 202
    assert reply.json["document"]["filename"] == "passwd.txt"


@pytest.mark.parametrize("path", ["detect", "batches", "detections"])
def test_a_body_over_the_limit_is_refused_unread(alice: Caller, path: str) -> None:
    reply = alice.call("POST", path, b" " * (25 * 1024 * 1024))
    assert (reply.status, reply.code) == (413, "body_too_large")
    assert reply.json["size_bytes_at_most"] < 25 * 1024 * 1024


def test_a_file_over_the_limit_is_refused_with_the_limit(alice: Caller) -> None:
    file = SimpleUploadedFile("a.txt", b" " * (20 * 1024 * 1024 + 1))
    reply = alice.post_form(DETECTIONS, {"file": file})
    assert (reply.status, reply.code) == (413, "too_large")
    assert reply.json["limit_megabytes"] == 20


def test_the_longest_text_fits_in_its_longest_spelling(alice: Caller) -> None:
    """Every character an escaped surrogate pair, twelve bytes each."""
    body = b'{"text": "' + rb"\ud840\udc00" * 400_000 + b'"}'
    assert alice.post(DETECTIONS, body).status == 202


def test_a_chunked_body_of_unknown_length_is_refused(alice: Caller) -> None:
    reply = alice.call(
        "POST", DETECTIONS, b"", content_type="application/json", headers={"Transfer-Encoding": "chunked"}
    )
    assert (reply.status, reply.code) == (411, "length_required")


@pytest.mark.parametrize(
    ("texts", "field", "detail"),
    [("甲", "texts", "这里应为 JSON 数组。"), (["甲"], "texts.0", "这里应为 JSON 对象。")],
)
def test_a_wrong_kind_of_value_is_called_by_what_json_calls_it(
    alice: Caller, texts: object, field: str, detail: str
) -> None:
    errors = alice.post("batches", {"texts": texts}).json["errors"]
    assert [(error["field"], error["detail"]) for error in errors] == [(field, detail)]
