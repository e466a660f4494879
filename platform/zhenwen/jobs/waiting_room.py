"""Where the calls of one event loop wait for the workers' answers, without a thread for any of them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from zhenwen.jobs.inbox import BLOCK_SECONDS, Inbox, split_answer
from zhenwen.jobs.queues import async_connection

logger = structlog.get_logger(__name__)

ANSWERS_AT_ONCE = 100
RECONNECT_SECONDS = 1.0
CLOSE_SECONDS = 1.0
# An answer that was given stands in the room's list and is read in the next turn.
ON_ITS_WAY_SECONDS = 1.0


class WaitingRoom:
    """Belongs to the loop it is first used in. All answers come by one list, read by one task."""

    def __init__(self, inbox: Inbox) -> None:
        self.name = uuid.uuid4().hex
        self._inbox = inbox
        self._client = async_connection()
        self._expected: dict[str, asyncio.Future[bytes]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._is_open = True

    @contextmanager
    def seat(self, call_id: str) -> Iterator[asyncio.Future[bytes]]:
        """To be taken before the call is pushed, since its answer may be quick."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        answer = self._expected[call_id] = asyncio.get_running_loop().create_future()
        try:
            yield answer
        finally:
            del self._expected[call_id]

    async def give_up(self, call_id: str, answer: asyncio.Future[bytes]) -> bytes | None:
        """The answer if it was quicker; None: there is none and will be none. Raises redis.RedisError."""
        if not await self._client.execute_command("DEL", self._inbox.waits(call_id)):
            await asyncio.wait([answer], timeout=ON_ITS_WAY_SECONDS)
        return answer.result() if answer.done() else None

    async def close(self) -> None:
        self._is_open = False
        if self._reading is not None:
            # A client that is just reading may take no notice; then the loop's end is its end.
            self._reading.cancel()
            await asyncio.wait([self._reading], timeout=CLOSE_SECONDS)
        await self._client.aclose()

    async def _read(self) -> None:
        """Answers to whom they are for, as long as the loop runs."""
        client = async_connection()
        try:
            while self._is_open:
                try:
                    found = await client.execute_command(
                        "BLMPOP",
                        BLOCK_SECONDS,
                        1,
                        self._inbox.answers(self.name),
                        "LEFT",
                        "COUNT",
                        ANSWERS_AT_ONCE,
                    )
                except Exception as error:  # whatever it is, others wait
                    logger.warning("answers not read", error_type=type(error).__name__)
                    await asyncio.sleep(RECONNECT_SECONDS)
                    continue
                for item in found[1] if found else ():
                    self._hand_over(*split_answer(item))
                await asyncio.sleep(0)  # who has an answer goes on first
        finally:
            await client.aclose()

    def _hand_over(self, call_id: str, content: bytes) -> None:
        answer = self._expected.get(call_id)
        if answer is not None and not answer.done():
            answer.set_result(content)
