"""The load generator tells the truth about a server, above all about one that stalls."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.load import CUT_OFF, LoadFailed, Plan, run
from tests.benchmarks.server import Answer, serving
from zhenwen.supervisor.network import free_port

STALL_SECONDS = 0.4


def test_a_closed_loop_sends_every_text_once() -> None:
    texts = [f"第{number}篇" for number in range(40)]
    with serving(lambda _: (200, 0.0)) as server:
        result = run(Plan(port=server.port, path="/detect", bodies=texts, clients=4))
    assert sorted(server.bodies) == sorted(text.encode() for text in texts)
    assert (result.answered, result.failed) == (40, 0)
    assert len(result.milliseconds) == 40
    assert result.per_second == pytest.approx(40 / result.elapsed_seconds)


def test_texts_are_sent_again_until_the_time_is_up() -> None:
    with serving(lambda _: (200, 0.01)) as server:
        result = run(
            Plan(port=server.port, path="/", bodies=["文"], clients=2, requests=100_000, seconds=0.3)
        )
    assert 2 < result.answered < 100
    assert result.elapsed_seconds < 2


def test_it_stops_when_it_is_told_to(tmp_path: Path) -> None:
    stop = tmp_path / "stop"

    def answer(number: int) -> Answer:
        if number == 5:
            stop.touch()
        return 200, 0.0

    with serving(answer) as server:
        result = run(Plan(port=server.port, path="/", bodies=["文"] * 1000, stop_file=str(stop)))
    assert 5 <= result.answered < 10


def test_a_stall_is_felt_by_all_that_were_due_meanwhile() -> None:
    """One connection, ten calls a tenth of the stall apart: those behind the stalled one wait as well."""
    with serving(lambda number: (200, STALL_SECONDS if number == 1 else 0.0)) as server:
        plan = Plan(
            port=server.port, path="/", bodies=["文"] * 10, clients=1, rate_per_second=10 / STALL_SECONDS
        )
        result = run(plan)
    slow = [ms for ms in result.milliseconds if ms > 1000 * STALL_SECONDS / 4]
    assert result.answered == 10
    assert len(slow) >= 6


def test_an_open_loop_keeps_its_rate() -> None:
    with serving(lambda _: (200, 0.0)) as server:
        plan = Plan(port=server.port, path="/", bodies=["文"] * 30, clients=8, rate_per_second=100)
        result = run(plan)
    due = [moment for moment, _, _ in sorted(result.log)]
    assert due == pytest.approx([number / 100 for number in range(30)])


def test_refusals_and_cut_connections_are_failures() -> None:
    answers = {3: (503, 0.0), 5: None}
    with serving(lambda number: answers.get(number, (200, 0.0))) as server:
        result = run(Plan(port=server.port, path="/", bodies=["文"] * 8, clients=1))
    assert result.statuses == {200: 6, 503: 1, CUT_OFF: 1}
    assert result.failed == 2


def test_no_server_is_no_measurement() -> None:
    with pytest.raises(LoadFailed):
        run(Plan(port=free_port(), path="/", bodies=["文"]))
