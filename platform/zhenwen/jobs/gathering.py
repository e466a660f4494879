"""Many calls of one event loop, one round trip for all that are there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Question = TypeVar("Question")
Reply = TypeVar("Reply")


class Gathering(Generic[Question, Reply]):
    """Questions of the same turn of the loop are asked together, and so are those that come in meanwhile."""

    def __init__(
        self, ask_all: Callable[[Sequence[Question]], Awaitable[Sequence[Reply]]], *, at_most: int
    ) -> None:
        self._ask_all = ask_all
        self._at_most = at_most
        self._waiting: list[tuple[Question, asyncio.Future[Reply]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Reply:
        """Raises what `ask_all` raises for the group that this question goes with."""
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, reply))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_until_none_waits())
        return await reply

    async def _ask_until_none_waits(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[: self._at_most], self._waiting[self._at_most :]
            try:
                replies = await self._ask_all([question for question, _ in group])
            except Exception as error:
                for _, asker in group:
                    if not asker.done():
                        asker.set_exception(error)
                continue
            for (_, asker), reply in zip(group, replies, strict=True):
                if not asker.done():
                    asker.set_result(reply)
        self._asking = None
