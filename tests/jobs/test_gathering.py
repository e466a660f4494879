"""Questions that are there together are asked together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from zhenwen.jobs.gathering import Gathering


class Oracle:
    """Doubles numbers; knows nothing of negative ones."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []

    async def ask_all(self, numbers: Sequence[int]) -> list[int]:
        self.groups.append(list(numbers))
        await asyncio.sleep(0.01)
        if min(numbers) < 0:
            raise ValueError(numbers)
        return [2 * number for number in numbers]


@pytest.fixture
def oracle() -> Oracle:
    return Oracle()


@pytest.fixture(autouse=True)
def _model() -> None:
    """No database here."""


def test_a_turn_of_the_loop_is_one_question_for_all(oracle: Oracle) -> None:
    async def ask() -> list[int]:
        gathering = Gathering(oracle.ask_all, at_most=3)
        return await asyncio.gather(*(gathering.ask(number) for number in range(5)))

    assert asyncio.run(ask()) == [0, 2, 4, 6, 8]
    assert oracle.groups == [[0, 1, 2], [3, 4]]


def test_who_comes_meanwhile_waits_for_the_next(oracle: Oracle) -> None:
    async def ask() -> list[int]:
        gathering = Gathering(oracle.ask_all, at_most=10)
        first = asyncio.create_task(gathering.ask(1))
        await asyncio.sleep(0.002)
        return list(await asyncio.gather(first, gathering.ask(2), gathering.ask(3)))

    assert asyncio.run(ask()) == [2, 4, 6]
    assert oracle.groups == [[1], [2, 3]]


def test_a_failure_is_that_of_its_own_group(oracle: Oracle) -> None:
    async def ask() -> list[int | BaseException]:
        gathering = Gathering(oracle.ask_all, at_most=2)
        numbers = (1, -1, 2, 3)
        return await asyncio.gather(*map(gathering.ask, numbers), return_exceptions=True)

    first, second, *others = asyncio.run(ask())
    assert isinstance(first, ValueError) and isinstance(second, ValueError)
    assert others == [4, 6]


def test_who_has_left_spoils_nothing(oracle: Oracle) -> None:
    async def ask() -> int:
        gathering = Gathering(oracle.ask_all, at_most=2)
        leaving = asyncio.create_task(gathering.ask(1))
        staying = asyncio.create_task(gathering.ask(2))
        await asyncio.sleep(0.002)
        leaving.cancel()
        return await staying

    assert asyncio.run(ask()) == 4
