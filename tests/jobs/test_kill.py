"""Kill any process at any moment: every document is finished, and charged once."""

from __future__ import annotations

import os
import signal

import psycopg
import pytest
from django.db import connection

from detection.models import Detection
from detection.states import State
from tests.cast import Cast
from tests.jobs.site import QueueServer, running, wait_for
from tests.services.detections import (
    balance,
    entries,
    fresh,
    hand_in_file,
    hand_in_text,
    paper,
)
from zhenwen.jobs.presence import live_workers
from zhenwen.jobs.queues import DOCUMENTS

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("queue_server")]

WARM = ("tests/jobs/workers.py", "warm")
EXTRACT = ("tests/jobs/workers.py", "extract")
SWEEP = ("manage.py", "sweep")


def wait_for_state(detection: Detection, state: State) -> float:
    return wait_for(lambda: fresh(detection).state == state, f"{detection.pk} to be {state}")


def assert_finished_once(cast: Cast, detection: Detection) -> None:
    wait_for_state(detection, State.SUCCEEDED)
    assert entries(detection) == ["reserve", "charge"]
    assert balance(cast.acme) == (0, fresh(detection).characters)


def test_a_warm_worker_killed_in_the_middle(cast: Cast) -> None:
    detection = hand_in_text(cast.acme)
    with running(*SWEEP):
        with running(*WARM, SCORING_SECONDS="60") as worker:
            wait_for_state(detection, State.SCORING)
            worker.kill()
        with running(*WARM):
            assert_finished_once(cast, detection)
    assert fresh(detection).attempt == 2


def test_an_extract_worker_killed_in_the_middle(cast: Cast) -> None:
    detection = hand_in_file(cast.acme, paper(600).encode())
    with running(*SWEEP), running(*WARM):
        with running(*EXTRACT, READING="slow") as worker:
            wait_for_state(detection, State.EXTRACTING)
            worker.kill()
        with running(*EXTRACT):
            assert_finished_once(cast, detection)


def test_the_queue_server_killed_in_the_middle(cast: Cast, queue_server: QueueServer) -> None:
    """It comes back without a memory; the worker keeps its process, and with it its model."""
    with running(*SWEEP), running(*WARM, SCORING_SECONDS="2") as worker:
        first = hand_in_text(cast.acme)
        wait_for_state(first, State.SCORING)
        second = hand_in_text(cast.acme, paper(700))
        queue_server.kill()
        wait_for_state(first, State.SUCCEEDED)
        third = hand_in_text(cast.acme, paper(800))
        queue_server.start()
        for detection in (second, third):
            wait_for_state(detection, State.SUCCEEDED)
        assert worker.is_alive
        wait_for(lambda: len(live_workers(DOCUMENTS)) == 1, "the worker to be counted")
    for detection in (first, second, third):
        assert entries(detection) == ["reserve", "charge"]


def test_a_worker_started_before_the_queue_server(cast: Cast, queue_server: QueueServer) -> None:
    queue_server.kill()
    detection = hand_in_text(cast.acme)
    with running(*SWEEP), running(*WARM) as worker:
        wait_for(lambda: fresh(detection).is_open and worker.is_alive, "the worker")
        queue_server.start()
        assert_finished_once(cast, detection)


def test_a_warm_worker_killed_with_several_in_hand(cast: Cast) -> None:
    detections = [hand_in_text(cast.acme, paper(600, number=number)) for number in range(3)]
    detections += [hand_in_text(cast.rival, paper(600, number=number)) for number in range(2)]
    with running(*SWEEP):
        with running(*WARM, SCORING_SECONDS="60", DOCUMENTS_AT_ONCE="4") as worker:
            wait_for(
                lambda: states(detections).count(State.SCORING) == 4, "four of five to be scored at once"
            )
            worker.kill()
        with running(*WARM):
            wait_for(lambda: set(states(detections)) == {State.SUCCEEDED}, "all to be finished elsewhere")
    for detection in detections:
        assert entries(detection) == ["reserve", "charge"]
    assert sorted(fresh(detection).attempt for detection in detections) == [1, 2, 2, 2, 2]


def states(detections: list[Detection]) -> list[str]:
    return [fresh(detection).state for detection in detections]


def test_a_short_paper_is_not_held_up_by_a_long_one(cast: Cast) -> None:
    with running(*WARM, SCORING_SECONDS="3") as worker:
        long = hand_in_text(cast.acme, paper(60_000))
        wait_for_state(long, State.SCORING)
        short = hand_in_text(cast.acme, paper(600))
        wait_for_state(short, State.SUCCEEDED)
        assert fresh(long).state == State.SCORING
        worker.kill()


def test_told_to_stop_it_finishes_what_it_has_begun(cast: Cast) -> None:
    first, second = hand_in_text(cast.acme), hand_in_text(cast.acme, paper(700))
    with running(*WARM, SCORING_SECONDS="2", DOCUMENTS_AT_ONCE="1") as worker:
        wait_for_state(first, State.SCORING)
        assert worker.stop() == 0
    assert fresh(first).state == State.SUCCEEDED
    assert fresh(second).state == State.QUEUED_FOR_SCORING
    assert len(live_workers(DOCUMENTS)) == 0


def test_told_to_stop_while_the_queue_server_is_away(queue_server: QueueServer) -> None:
    with running(*WARM) as worker:
        wait_for(lambda: len(live_workers(DOCUMENTS)) == 1, "the worker")
        queue_server.kill()
        assert worker.stop() == 0


def test_the_database_connections_cut_in_the_middle(cast: Cast) -> None:
    first = hand_in_text(cast.acme)
    with running(*SWEEP), running(*WARM, SCORING_SECONDS="3") as worker:
        wait_for_state(first, State.SCORING)
        assert cut_connections_of_others() >= 1
        second = hand_in_text(cast.acme, paper(700))
        for detection in (first, second):
            wait_for_state(detection, State.SUCCEEDED)
        assert worker.is_alive
    for detection in (first, second):
        assert entries(detection) == ["reserve", "charge"]


def cut_connections_of_others() -> int:
    """How many there were besides this test's own."""
    connection.ensure_connection()
    own = connection.connection.info.backend_pid
    with psycopg.connect(os.environ["DATABASE_URL"]) as owner:
        cut = owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
            [connection.settings_dict["NAME"], own],
        )
        return len(cut.fetchall())


@pytest.mark.parametrize("reading", ["crashing", "greedy", "writing"])
def test_a_file_that_breaks_its_reader_fails_alone(cast: Cast, reading: str) -> None:
    """No lease has to run out for that: the parent sees its child die."""
    detection = hand_in_file(cast.acme, paper(600).encode())
    with running(*EXTRACT, READING=reading) as worker:
        wait_for_state(detection, State.FAILED)
        assert worker.is_alive
    assert fresh(detection).error_code == "file_too_demanding"
    assert entries(detection) == []


def test_a_reader_killed_once_is_no_fault_of_the_file(cast: Cast) -> None:
    detection = hand_in_file(cast.acme, paper(600).encode())
    with running(*SWEEP), running(*WARM), running(*EXTRACT, READING="slow") as worker:
        wait_for_state(detection, State.EXTRACTING)
        (child,) = worker.children
        os.kill(child, signal.SIGKILL)
        wait_for(lambda: fresh(detection).attempt == 2, "the second attempt")
        worker.kill()
        with running(*EXTRACT):
            assert_finished_once(cast, detection)
