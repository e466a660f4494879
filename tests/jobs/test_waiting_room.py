"""A call that waits is answered or given up, and never both; in a room of many or in one of its own."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.jobs.site import QueueServer
from zhenwen.jobs.inbox import INBOX_LUA, Inbox
from zhenwen.jobs.queues import shared_connection
from zhenwen.jobs.scripts import Script
from zhenwen.jobs.taking import Taker
from zhenwen.jobs.waiting_room import WaitingRoom

pytestmark = pytest.mark.servers

INBOX = Inbox("tests")
PUSH = Script(f"{INBOX_LUA} inbox_push('tests', '1', ARGV[1], ARGV[2], 'message', 5)")
ANSWER = Script(f"{INBOX_LUA} return inbox_answer('tests', ARGV[1], ARGV[2])")


@pytest.fixture(autouse=True)
def _model() -> None:
    """No database here."""


def push(call_id: str, room: str) -> None:
    PUSH.run(shared_connection(), args=[call_id, room])


def answer(call_id: str, content: str) -> int:
    return int(ANSWER.run(shared_connection(), args=[call_id, content]))


def test_everybody_in_a_room_gets_their_own_answer(queue_server: QueueServer) -> None:
    async def wait() -> list[bytes]:
        room = WaitingRoom(INBOX)
        with room.seat("a") as for_a, room.seat("b") as for_b:
            push("a", room.name)
            push("b", room.name)
            assert answer("b", "B B") == answer("a", "A") == 1
            answers = [await for_a, await for_b]
        await room.close()
        return answers

    assert asyncio.run(wait()) == [b"A", b"B B"]


def test_an_answer_on_its_way_is_not_given_up(queue_server: QueueServer) -> None:
    async def wait() -> bytes | None:
        room = WaitingRoom(INBOX)
        with room.seat("a") as for_a:
            push("a", room.name)
            answer("a", "A")
            found = await room.give_up("a", for_a)
        await room.close()
        return found

    assert asyncio.run(wait()) == b"A"


def test_what_was_given_up_gets_no_answer_and_is_not_taken(queue_server: QueueServer) -> None:
    async def wait() -> bytes | None:
        room = WaitingRoom(INBOX)
        with room.seat("a") as for_a:
            push("a", room.name)
            push("b", room.name)
            found = await room.give_up("a", for_a)
        await room.close()
        return found

    assert asyncio.run(wait()) is None
    assert answer("a", "A") == 0
    taken = Taker(INBOX).take(at_most=5, client=shared_connection())
    assert taken == [b"message"], "the other one's"


@pytest.mark.parametrize("is_answered", [True, False])
def test_a_call_in_a_room_of_its_own(queue_server: QueueServer, is_answered: bool) -> None:
    push("a", "a")
    if is_answered:
        answer("a", "A")
    assert INBOX.give_up("a") == (b"A" if is_answered else None)
    assert answer("a", "again") == 0


def test_an_answer_is_waited_for_until_the_end(queue_server: QueueServer) -> None:
    push("a", "a")
    assert INBOX.wait_for_answer("a", ends_at=time.monotonic() + 0.05) is None
    answer("a", "A")
    assert INBOX.wait_for_answer("a", ends_at=time.monotonic() + 5) == b"A"


def test_a_room_outlives_the_queue_server(queue_server: QueueServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zhenwen.jobs.waiting_room.RECONNECT_SECONDS", 0.05)

    async def wait() -> bytes:
        room = WaitingRoom(INBOX)
        with room.seat("a") as for_a:
            await asyncio.sleep(0.1)
            queue_server.kill()
            await asyncio.sleep(0.1)
            queue_server.start()
            monkeypatch.setattr("zhenwen.jobs.queues._connection", None)
            push("a", room.name)
            answer("a", "A")
            found = await asyncio.wait_for(for_a, 10)
        await room.close()
        return found

    assert asyncio.run(wait()) == b"A"
