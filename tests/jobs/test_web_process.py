"""One web process on a real socket: what can be seen only with a server around the application."""

from __future__ import annotations

import http.client
import json
import socket
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from accounts.services import remembered_keys
from detection.models import Detection
from detection.services import realtime_terms, realtime_usage
from detection.services.realtime_calls import INBOX
from detection.services.realtime_renewal import renew
from detection.states import State
from tests.cast import Cast
from tests.jobs.site import Process, QueueServer, running, wait_for
from tests.services.detections import balance, paper
from tests.services.realtime import FakeSharedScorer, a_realtime_worker, answer_waiting_calls
from zhenwen.jobs.queues import shared_connection
from zhenwen.ledger.models import LedgerEntry
from zhenwen.supervisor.network import accepts, free_port
from zhenwen.tenancy.scope import tenant_scope

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("queue_server")]


@dataclass(frozen=True)
class Web:
    port: int
    token: str
    process: Process

    def call(
        self, method: str, path: str, body: bytes = b"", content_type: str = "application/json"
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, content

    def detect(self, text: str) -> tuple[int, dict[str, str], Any]:
        status, headers, content = self.call("POST", "/api/v1/detect", asking(text))
        return status, headers, json.loads(content)

    def send_only(self, text: str) -> socket.socket:
        """A client that has asked and may hang up."""
        content = asking(text)
        head = (
            f"POST /api/v1/detect HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        client = socket.create_connection(("127.0.0.1", self.port))
        client.sendall(head.encode() + content)
        return client


def asking(text: str) -> bytes:
    return json.dumps({"text": text, "deadline_seconds": 30}).encode()


@pytest.fixture
def web(cast: Cast, queue_server: QueueServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """Alice's key is known at the door, for as long as a slow machine takes."""
    monkeypatch.setattr(remembered_keys, "REMEMBERED_SECONDS", 600)
    monkeypatch.setattr(realtime_terms, "REMEMBERED_SECONDS", 600)
    monkeypatch.setattr(realtime_usage, "REMAINING_SECONDS", 600)
    renew(token=cast.acme_key, remote_address="127.0.0.1")
    with a_web_process(cast) as web:
        yield web


@contextmanager
def a_web_process(cast: Cast) -> Iterator[Web]:
    port = free_port()
    server = ("-m", "granian", "--interface", "asgi", "--port", str(port), "--no-ws")
    with running(*server, "zhenwen.asgi:application") as process:
        wait_for(lambda: accepts("127.0.0.1", port), "the web process")
        yield Web(port, cast.acme_key, process)


def test_a_client_that_hangs_up_costs_nothing_more(cast: Cast, web: Web) -> None:
    client = web.send_only(paper(600))
    wait_for(lambda: INBOX.waiting_count() == 1, "the call")
    assert shared_connection().hlen(f"realtime:held:{cast.acme.id}") == 1
    client.close()
    wait_for(lambda: not shared_connection().keys("inbox:realtime:waits:*"), "the web process to see it")
    wait_for(lambda: not shared_connection().hlen(f"realtime:held:{cast.acme.id}"), "the hold to be let go")
    scorer = FakeSharedScorer()
    answer_waiting_calls(scorer)
    assert scorer.scored == 0
    with tenant_scope(cast.acme.id):
        assert not Detection.objects.exists()
        assert not LedgerEntry.objects.filter(kind=LedgerEntry.Kind.CHARGE).exists()


def test_a_client_that_hangs_up_when_its_call_is_handed_in_costs_nothing_either(cast: Cast, web: Web) -> None:
    client = web.send_only(paper(600, number=99))  # of which no segment has been scored before
    wait_for(lambda: INBOX.waiting_count() == 1, "the call")
    answer_waiting_calls(FakeSharedScorer(error=RuntimeError()))
    wait_for(lambda: states(cast) == [State.QUEUED_FOR_SCORING], "the row")
    client.close()
    wait_for(lambda: states(cast) == [State.CANCELLED], "the web process to see it")
    assert balance(cast.acme) == (0, 0)


def states(cast: Cast) -> list[str]:
    with tenant_scope(cast.acme.id):
        return list(Detection.objects.values_list("state", flat=True))


def test_each_of_many_clients_gets_its_own_answer(web: Web) -> None:
    texts = [paper(300, number=number) for number in range(12)]
    with a_realtime_worker(), ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(web.detect, texts))
    assert {status for status, _, _ in replies} == {200}
    names = [" ".join(text[:200].split())[:40] for text in texts]
    assert [body["document"]["title"] for _, _, body in replies] == names
    assert len({body["id"] for _, _, body in replies}) == 12
    assert len({headers["x-request-id"] for _, headers, _ in replies}) == 12


def test_a_call_in_hand_is_answered_while_the_process_stops(web: Web) -> None:
    with ThreadPoolExecutor() as pool:
        reply = pool.submit(web.detect, paper(300))
        wait_for(lambda: INBOX.waiting_count() == 1, "the call")
        web.process.child.terminate()
        with a_realtime_worker():
            assert reply.result()[0] == 200


def test_a_kept_connection_is_told_to_end_before_the_process_stops(web: Web) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)

    def is_told() -> bool:
        connection.request("GET", "/livez")
        reply = connection.getresponse()
        reply.read()
        return reply.will_close

    assert not is_told()
    web.process.child.terminate()
    wait_for(is_told, "the word that the connection ends")
    assert web.process.child.wait(timeout=30) == 0


def test_all_else_is_djangos(web: Web) -> None:
    assert web.call("GET", "/livez")[0] == 200
    assert web.call("GET", "/api/v1/usage")[0] == 200
    assert web.call("GET", f"/api/v1/detections/{uuid.uuid4()}")[0] == 404
    assert web.call("POST", "/api/v1/detections", json.dumps({"text": paper(300)}).encode())[0] == 202
    assert web.call("POST", "/api/v1/detect", b"{")[0] == 400


def test_a_query_may_hold_chinese_as_it_is(web: Web) -> None:
    client = socket.create_connection(("127.0.0.1", web.port))
    query = "/api/v1/detections?external_id=甲&limit=5"
    client.sendall(
        f"GET {query} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {web.token}\r\n\r\n".encode()
    )
    assert client.recv(1000).split(b" ")[1] == b"200"
    client.close()


def test_a_header_with_an_underscore_is_no_other_header(web: Web) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    connection.request("GET", "/api/v1/usage", headers={"X_API_Key": web.token})
    assert connection.getresponse().status == 401
    connection.close()


def test_a_large_file_is_taken_in(web: Web) -> None:
    content = "字".encode() * 3_000_000
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n' + content
    status, _, body = web.call(
        "POST", "/api/v1/detections", part + b"\r\n--b--\r\n", "multipart/form-data; boundary=b"
    )
    assert status == 202, body
    assert json.loads(body)["document"]["filename"] == "a.txt"
