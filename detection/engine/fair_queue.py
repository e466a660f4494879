"""A queue in which tenants take turns, however much each of them has waiting."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class FairQueue(Generic[T]):
    """Items by tenant, oldest first. Not safe for threads: one thread owns it."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[int, OrderedDict[T, None]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._lanes)

    def add(self, tenant: int, item: T) -> None:
        self._lanes.setdefault(tenant, OrderedDict())[item] = None

    def remove(self, tenant: int, item: T) -> None:
        lane = self._lanes[tenant]
        del lane[item]
        if not lane:
            del self._lanes[tenant]

    def in_turn(self) -> Iterator[T]:
        """The oldest item of each tenant, then the second oldest of each, and so on.

        The queue must not change while this goes on.
        """
        lanes = deque(iter(lane) for lane in self._lanes.values())
        while lanes:
            lane = lanes.popleft()
            for item in lane:
                yield item
                lanes.append(lane)
                break

    def to_the_end(self, tenant: int) -> None:
        """The tenant has had its turn."""
        if tenant in self._lanes:
            self._lanes.move_to_end(tenant)
