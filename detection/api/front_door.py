"""POST /api/v1/detect ahead of Django: most calls are answered with a share in one round trip to Valkey.

What this door decides by itself it answers exactly as the view would: status, headers, body, metrics, request
id and log line. Whatever is not plainly in order (an unknown key, an Idempotency-Key, an odd body, no room, a
server away) goes on to Django untouched, and the view decides.

It runs on the event loop and touches no database: what needs one is done in the threads that Django has.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Executor
from functools import cache, partial
from typing import Any, TypeVar

import structlog
from django.db import close_old_connections
from django.utils import translation
from django.utils.log import log_response
from prometheus_client import Counter
from redis import RedisError

from detection.api.detect_call import PATH, Asked, CallHead, asked_in, head_of
from detection.api.detect_reply import CLIENT_GONE, Reply, common_headers, rendered
from detection.api.problems import problem_for
from detection.api.replies import outcome_reply
from detection.reports.payload import notice
from detection.services import realtime_door as door
from detection.services.realtime import Overloaded, hand_in, written
from detection.services.realtime_desk import Answer, RealtimeDesk
from detection.services.realtime_renewal import RENEW_SECONDS, renew
from detection.services.submission import Submitter
from zhenwen.http import problems
from zhenwen.http.exceptions import problem_response
from zhenwen.http.middleware import preferred_language
from zhenwen.http.problems import RATE_LIMITED, Problem
from zhenwen.http.rate_limits import decided
from zhenwen.observability.metrics import REALTIME_CALLS_TOTAL
from zhenwen.observability.middleware import begin_request, end_request
from zhenwen.observability.requests import Kind, count_request

VIEW_NAME = "api:detect"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApplication = Callable[[Any, Any, Any], Awaitable[None]]
Result = TypeVar("Result")

logger = structlog.get_logger(__name__)


class FrontDoor:
    """An ASGI application. `threads`: those that `site` runs Django in."""

    def __init__(self, site: ASGIApplication, threads: Executor) -> None:
        self._site = site
        self._threads = threads
        self._desk = RealtimeDesk()
        self._renewals: dict[tuple[str, str | None], asyncio.Future[None]] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        head = head_of(scope) if scope["type"] == "http" and scope["path"] == PATH else None
        if head is not None:
            await self._take(head, scope, receive, send)
            return
        await self._site(scope, receive, send)
        if scope["type"] == "lifespan":
            await self._desk.close()

    async def _take(self, head: CallHead, scope: Message, receive: Receive, send: Send) -> None:
        started_ns = time.monotonic_ns()
        body = await _body(receive)
        if body is None:
            return
        asked = asked_in(head, body)
        if asked is not None:
            with self._desk.seat(asked.call) as answer:
                outcome = await self._outcome(asked)
                if outcome is not None:
                    await self._answer(asked, outcome, answer, receive, send, started_ns)
                    return
        await self._site(scope, _again(body, receive), send)

    async def _outcome(self, asked: Asked) -> door.Outcome | None:
        """None: Django's."""
        try:
            outcome = await self._desk.ask(asked.question)
            if outcome.status == door.FORGOTTEN:
                await asyncio.wait([self._renewal(asked)])
                outcome = await self._desk.ask(asked.question)
        except RedisError:
            return None
        if outcome.status in (door.UNDECIDED, door.FORGOTTEN):
            return None
        if outcome.known_seconds <= RENEW_SECONDS:
            self._renewal(asked)
        return outcome

    async def _answer(
        self,
        asked: Asked,
        outcome: door.Outcome,
        answer: Answer,
        receive: Receive,
        send: Send,
        started_ns: int,
    ) -> None:
        head = asked.head
        given = head.headers.get("x-request-id", "")
        request_id = begin_request(given, organization_id=outcome.organization_id)
        language = preferred_language(head.headers.get("accept-language", ""))
        reply = await self._reply(asked, outcome, answer, receive, language)
        limits = door.request_limits(organization_id=outcome.organization_id, api_key_id=0)
        decision = decided(limits, outcome.left, admitted=outcome.status != door.RATE_LIMITED)
        reply.headers.update(decision.headers)
        reply.headers["X-Request-Id"] = request_id
        if reply.status != CLIENT_GONE:
            common = common_headers(language, is_secure=head.is_secure)
            await send({"type": "http.response.start", "status": reply.status, "headers": reply.sent(common)})
            await send({"type": "http.response.body", "body": reply.body})
        _tell(head, reply, duration_ns=time.monotonic_ns() - started_ns)

    async def _reply(
        self, asked: Asked, outcome: door.Outcome, answer: Answer, receive: Receive, language: str
    ) -> Reply:
        try:
            if outcome.status == door.RATE_LIMITED:
                raise Problem(RATE_LIMITED)
            if outcome.status == door.OVERLOADED:
                REALTIME_CALLS_TOTAL.labels("overloaded").inc()
                raise Overloaded(outcome.retry_after_seconds)
            if outcome.status == door.ANSWERED:
                _cached_calls().inc()
                return _result(outcome.template, asked, language)
            return await self._reply_of_worker(asked, outcome, answer, receive, language)
        except Exception as error:
            with translation.override(language):
                problem = problem_for(error)
                if problem is None:
                    logger.exception("front door failed", error_type=type(error).__name__)
                    problem = Problem(problems.INTERNAL_ERROR)
                return rendered(problem_response(problem))

    async def _reply_of_worker(
        self, asked: Asked, outcome: door.Outcome, answer: Answer, receive: Receive, language: str
    ) -> Reply:
        gone = asyncio.ensure_future(_gone(receive))
        try:
            template = await self._desk.wait_for_answer(
                organization_id=outcome.organization_id, call=asked.call, answer=answer, gone=gone
            )
            if template:
                return _result(template, asked, language)
            if gone.done():
                REALTIME_CALLS_TOTAL.labels("gone").inc()
                return Reply(CLIENT_GONE)
            context = contextvars.copy_context()
            work = partial(context.run, _handed_in, asked, outcome, language, gone.done)
            reply = await self._in_thread(work)
            return Reply(CLIENT_GONE) if gone.done() else reply
        finally:
            gone.cancel()

    def _renewal(self, asked: Asked) -> asyncio.Future[None]:
        """One for all the calls of a caller that need it at the same time."""
        caller = (asked.token, asked.question.remote_address)
        renewal = self._renewals.get(caller)
        if renewal is None:
            token, address = caller
            renewal = self._in_thread(partial(renew, token=token, remote_address=address))
            self._renewals[caller] = renewal
            renewal.add_done_callback(lambda _: self._renewals.pop(caller))
        return renewal

    def _in_thread(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._threads, partial(_on_good_connection, work))


def _on_good_connection(work: Callable[[], Result]) -> Result:
    """With the thread's connection to the database looked after, as around a request."""
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()


def _result(template: bytes, asked: Asked, language: str) -> Reply:
    return Reply(200, written(template, asked.call, notice=_notice_in(language)))


@cache
def _cached_calls() -> Counter:
    """Finding it by its label costs more than counting."""
    return REALTIME_CALLS_TOTAL.labels("cached")


@cache
def _notice_in(language: str) -> str:
    with translation.override(language):
        return notice()


def _handed_in(asked: Asked, outcome: door.Outcome, language: str, is_gone: Callable[[], bool]) -> Reply:
    """Raises what the view would raise."""
    with translation.override(language):
        handed_in = hand_in(
            organization_id=outcome.organization_id,
            call=asked.call,
            submitter=Submitter(user=None, label=outcome.label),
            ends_at=asked.ends_at,
            is_gone=is_gone,
        )
        return rendered(outcome_reply(handed_in))


async def _body(receive: Receive) -> bytes | None:
    """None when the client went before it had said everything."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """For whoever reads the body after us."""
    unread = [body]

    async def receive_again() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return await receive()

    return receive_again


async def _gone(receive: Receive) -> None:
    """Returns when the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _tell(head: CallHead, reply: Reply, *, duration_ns: int) -> None:
    """Metrics and log, as Django's middlewares would have."""
    kind = Kind(
        view=VIEW_NAME,
        method="POST",
        transport="https" if head.is_secure else "http",
        status=reply.status,
        is_ajax=head.headers.get("x-requested-with") == "XMLHttpRequest",
    )
    count_request(
        kind, size_bytes=head.size_bytes, reply_size_bytes=len(reply.body), seconds=duration_ns / 1e9
    )
    if reply.status >= 400:
        log_response("%s: %s", reply.reason, PATH, response=reply.as_response(), request=None)
    end_request(method="POST", path=PATH, status=reply.status, duration_ns=duration_ns)
