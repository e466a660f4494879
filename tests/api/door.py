"""The whole site as ASGI, its threads played by the test's own, so that all is in the test's transaction."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from queue import Empty, SimpleQueue
from typing import Any

from a2wsgi import WSGIMiddleware
from django.core.handlers.wsgi import WSGIHandler

from detection.api.front_door import FrontDoor
from detection.services.realtime_desk import RealtimeDesk


@dataclass(frozen=True)
class Reply:
    status: str
    headers: dict[str, str]
    body: bytes
    by_django: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class OwnThread(Executor):
    """Does what it is given in the thread that waits for a result."""

    def __init__(self) -> None:
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._work.put((future, partial(fn, *args, **kwargs)))
        return future

    def work_until(self, done: Future[Any]) -> None:
        while not done.done():
            with suppress(Empty):
                self.work_once(wait_seconds=0.005)

    def work_once(self, *, wait_seconds: float) -> None:
        """Raises queue.Empty."""
        future, work = self._work.get(timeout=wait_seconds)
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)


class Door:
    """`meanwhile`: done, if anything, whenever a call begins to wait for a worker."""

    def __init__(self, loop: asyncio.AbstractEventLoop, meanwhile: Callable[[], object] | None) -> None:
        self._loop = loop
        self._thread = OwnThread()
        self._asked = False
        self.meanwhile = meanwhile
        self._front = FrontDoor(self._through, self._thread)
        self._desk = self._front._desk
        self._desk.wait_for_answer = self._wait_for_answer  # type: ignore[method-assign]

    def post(
        self, body: Any, token: str, environ: dict[str, str] | None = None, *, ahead: bool = True
    ) -> Reply:
        """`environ`: what is unusual about the request, in the words of WSGI."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        asked = {
            "REQUEST_METHOD": "POST",
            "HTTP_HOST": "testserver",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(sent)),
            "HTTP_AUTHORIZATION": f"Bearer {token}",
            **(environ or {}),
        }
        self._asked = False
        messages: list[Any] = []
        unread = [{"type": "http.request", "body": sent, "more_body": False}]

        async def receive() -> Any:
            return unread.pop() if unread else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            messages.append(message)

        application = self._front if ahead else self._through
        self._finish(application(_scope(asked), receive, send))
        start, *parts = messages
        return Reply(
            status=f"{start['status']} {HTTPStatus(start['status']).phrase}",
            headers={name.decode(): value.decode("latin-1") for name, value in start["headers"]},
            body=b"".join(part["body"] for part in parts),
            by_django=self._asked,
        )

    def finish_work(self) -> None:
        """What was begun beside a call that has its reply."""
        with suppress(Empty):
            self._thread.work_once(wait_seconds=0.5)

    def close(self) -> None:
        self._finish(self._desk.close())

    def _finish(self, work: Any) -> None:
        done = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._thread.work_until(done)
        done.result()

    async def _through(self, scope: Any, receive: Any, send: Any) -> None:
        self._asked = True
        django: Any = WSGIMiddleware(WSGIHandler())  # type: ignore[arg-type]
        django.executor.shutdown()
        django.executor = self._thread
        await django(scope, receive, send)

    async def _wait_for_answer(self, **named: Any) -> bytes:
        if self.meanwhile is not None:
            await self._loop.run_in_executor(self._thread, self.meanwhile)
        return await RealtimeDesk.wait_for_answer(self._desk, **named)


@contextmanager
def a_door(*, meanwhile: Callable[[], object] | None = None) -> Iterator[Door]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    door = Door(loop, meanwhile)
    try:
        yield door
    finally:
        door.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _scope(environ: dict[str, str]) -> dict[str, Any]:
    named = {name.removeprefix("HTTP_"): value for name, value in environ.items() if name.startswith("HTTP_")}
    named |= {name: environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH")}
    return {
        "type": "http",
        "http_version": "1.1",
        "method": environ["REQUEST_METHOD"],
        "scheme": environ.get("wsgi.url_scheme", "http"),
        "path": "/api/v1/detect",
        "root_path": "",
        "query_string": environ.get("QUERY_STRING", "").encode(),
        "headers": [
            (name.replace("_", "-").lower().encode(), value.encode()) for name, value in named.items()
        ],
        "client": (environ["REMOTE_ADDR"], 50_000),
        "server": ("testserver", 80),
    }
