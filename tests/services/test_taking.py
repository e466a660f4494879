"""Workers at an inbox: what one has taken is its own until it answers, or dies.

1. A worker holds what it has taken until it releases it.
2. What a dead worker held goes to the next one, before anything else.
3. A call that took two workers down with it is given to no third.
4. A worker that signs, or takes, is not taken for dead.
5. A standby takes nothing while a regular worker lives, and everything once none does.
6. Who waits at an empty inbox gets a call as soon as it comes.
7. What leaves the inbox no longer weighs on it.
8. What nobody waits for any more is given to no worker, neither at first nor when another has died.
9. Some values can be read in the same round trip.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator

import pytest
from redis import Redis

from zhenwen.jobs import taking
from zhenwen.jobs.inbox import INBOX_LUA, Inbox
from zhenwen.jobs.scripts import Script
from zhenwen.jobs.taking import Taker

PUSH = Script(f"{INBOX_LUA} inbox_push(ARGV[1], '1', ARGV[2], 'room', ARGV[2], 100)")


class Scene:
    """An inbox of its own, with workers that differ in nothing but their names."""

    def __init__(self, client: Redis[bytes]) -> None:
        self.client = client
        self.inbox = Inbox(f"test-{uuid.uuid4()}")

    def worker(self, *, is_standby: bool = False) -> Taker:
        return Taker(self.inbox, is_standby=is_standby)

    def push(self, *messages: str) -> None:
        """Each is also its own id."""
        for message in messages:
            PUSH.run(self.client, args=[self.inbox.name, message])

    def take(self, worker: Taker, *, at_most: int = 10) -> list[str]:
        taken = worker.take(at_most=at_most, client=self.client)
        return [message.decode() for message in taken]

    def weight(self) -> int:
        return int(self.client.get(f"inbox:{self.inbox.name}:weight") or 0)


@pytest.fixture
def scene(queue_server: Redis[bytes]) -> Iterator[Scene]:
    yield Scene(queue_server)


@pytest.fixture
def quickly_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is silent for a blink counts as dead."""
    monkeypatch.setattr(taking, "DEAD_SECONDS", 0.05)


def is_silent_long_enough() -> None:
    time.sleep(0.1)


@pytest.mark.usefixtures("quickly_dead")
def test_2_what_a_dead_worker_held_goes_to_the_next_one_first(scene: Scene) -> None:
    scene.push("a", "b", "c")
    assert scene.take(scene.worker(), at_most=2) == ["a", "b"]
    is_silent_long_enough()
    found = scene.take(scene.worker())
    assert sorted(found[:2]) == ["a", "b"]
    assert found[2:] == ["c"]


@pytest.mark.usefixtures("quickly_dead")
def test_1_what_was_released_does_not_come_back(scene: Scene) -> None:
    scene.push("a", "b")
    worker = scene.worker()
    scene.take(worker)
    worker.release(["a"], client=scene.client)
    is_silent_long_enough()
    assert scene.take(scene.worker()) == ["b"]


@pytest.mark.usefixtures("quickly_dead")
def test_3_a_call_that_killed_two_workers_is_given_to_no_third(scene: Scene) -> None:
    scene.push("poison")
    for _worker in range(2):
        assert scene.take(scene.worker()) == ["poison"]
        is_silent_long_enough()
    assert scene.take(scene.worker()) == []


def test_4_the_living_keep_what_they_hold(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "DEAD_SECONDS", 0.5)
    scene.push("a")
    worker, other = scene.worker(), scene.worker()
    scene.take(worker)
    for _sign in range(8):
        time.sleep(0.1)
        worker.sign(scene.client)
        assert scene.take(other) == []


@pytest.mark.usefixtures("quickly_dead")
def test_5_a_standby_takes_calls_once_no_regular_worker_lives(scene: Scene) -> None:
    regular, standby = scene.worker(), scene.worker(is_standby=True)
    regular.sign(scene.client)
    scene.push("a")
    assert scene.take(standby) == []
    is_silent_long_enough()
    assert scene.take(standby) == ["a"]
    regular.sign(scene.client)
    scene.push("b")
    assert scene.take(standby) == []


def test_5_a_worker_that_leaves_is_not_waited_for(scene: Scene) -> None:
    regular, standby = scene.worker(), scene.worker(is_standby=True)
    scene.push("a", "b")
    scene.take(regular, at_most=1)
    regular.leave(scene.client)
    assert scene.take(standby) == ["a", "b"]


def test_6_who_waits_gets_a_call_as_soon_as_it_comes(scene: Scene) -> None:
    later = threading.Timer(0.2, scene.push, args=["a"])
    later.start()
    began = time.monotonic()
    assert scene.worker().look(wait_seconds=10, client=scene.client) == b"a"
    assert time.monotonic() - began < 5
    later.join()


def test_6_what_was_looked_at_is_there_for_whoever_takes_first(scene: Scene) -> None:
    scene.push("a", "b")
    assert scene.worker().look(wait_seconds=1, client=scene.client) == b"a"
    assert scene.take(scene.worker()) == ["a", "b"]
    assert scene.worker().look(wait_seconds=0.01, client=scene.client) is None


def test_6_a_standby_does_not_wait(scene: Scene) -> None:
    scene.push("a")
    assert scene.worker(is_standby=True).look(wait_seconds=10, client=scene.client) is None


@pytest.mark.parametrize("is_standby", [False, True])
def test_9_values_are_read_along_with_the_calls(scene: Scene, is_standby: bool) -> None:
    scene.push("a")
    scene.client.set("known", "1")
    if is_standby:
        scene.worker().sign(scene.client)
    taken, values = scene.worker(is_standby=is_standby).take_and_read(
        ["unknown", "known"], at_most=10, client=scene.client
    )
    assert values == [None, b"1"]
    assert taken == ([] if is_standby else [b"a"])


def test_7_what_leaves_the_inbox_no_longer_weighs_on_it(scene: Scene) -> None:
    scene.push("a", "b", "c")
    worker = scene.worker()
    scene.take(worker, at_most=2)
    assert scene.weight() == 100
    scene.take(worker)
    assert scene.weight() == 0


@pytest.mark.usefixtures("quickly_dead")
def test_8_what_was_given_up_is_given_to_no_worker(scene: Scene) -> None:
    scene.push("a", "b", "c")
    scene.client.delete(scene.inbox.waits("a"))
    assert scene.take(scene.worker()) == ["b", "c"]
    scene.client.delete(scene.inbox.waits("b"))
    is_silent_long_enough()
    assert scene.take(scene.worker()) == ["c"]
    assert scene.weight() == 0
