"""Realtime calls on an event loop: asked about in groups, waited for without a thread for any of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import structlog
from redis import RedisError

from accounts.services.api_keys import Scope
from detection.services.realtime_calls import INBOX, RealtimeCall
from detection.services.realtime_door import Outcome, Question, ask_all
from detection.services.realtime_usage import let_go_async
from zhenwen.jobs.gathering import Gathering
from zhenwen.jobs.queues import async_connection
from zhenwen.jobs.waiting_room import WaitingRoom

logger = structlog.get_logger(__name__)

# More would keep others waiting for the queue server, which does one thing at a time.
CALLS_AT_ONCE = 32

Answer = asyncio.Future[bytes]


class RealtimeDesk:
    """Belongs to the loop it is first used in."""

    def __init__(self) -> None:
        self._client = async_connection()
        self._room = WaitingRoom(INBOX)
        self._gathering: Gathering[Question, Outcome] = Gathering(self._ask_all, at_most=CALLS_AT_ONCE)

    def seat(self, call: RealtimeCall) -> AbstractContextManager[Answer]:
        """For the call's answer, to be taken before asking."""
        return self._room.seat(call.call_id)

    async def ask(self, question: Question) -> Outcome:
        """Raises redis.RedisError."""
        return await self._gathering.ask(question)

    async def wait_for_answer(
        self, *, organization_id: int, call: RealtimeCall, answer: Answer, gone: asyncio.Future[None]
    ) -> bytes:
        """The template of the answer to a call in the inbox; empty when there is none and will be none.

        Once the client is `gone` the call is given up: who has not begun it never will.
        """
        ends: list[asyncio.Future[Any]] = [answer, gone]
        await asyncio.wait(
            ends,
            timeout=max(0.0, call.deadline_at - time.time()),
            return_when=asyncio.FIRST_COMPLETED,
        )
        try:
            template = answer.result() if answer.done() else await self._room.give_up(call.call_id, answer)
            if not template:
                await let_go_async(organization_id=organization_id, call_id=call.call_id, client=self._client)
        except RedisError as error:
            logger.warning("answer not fetched", detection_id=call.call_id, error_type=type(error).__name__)
            return b""
        return template or b""

    async def close(self) -> None:
        await self._room.close()
        await self._client.aclose()

    async def _ask_all(self, questions: Sequence[Question]) -> list[Outcome]:
        return await ask_all(
            questions, scope=Scope.DETECTIONS_WRITE, room=self._room.name, client=self._client
        )
