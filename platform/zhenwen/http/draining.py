"""Stopping a web process without cutting off a client.

A server that stops closes the connections that clients keep open, and a request just on its way over one of
them is lost. So for a moment first each reply says that its connection ends with it; whoever asks again opens
another, and finds a process that stays.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

DRAIN_SECONDS = 1.0

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApplication = Callable[[Any, Any, Any], Awaitable[None]]


class Draining:
    """An ASGI application. From its lifespan on SIGTERM is its own; servers take SIGINT for the same."""

    def __init__(self, application: ASGIApplication) -> None:
        self._application = application
        self._is_stopping = False

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._drain)
        elif scope["http_version"] != "2":  # which has no such header
            send = self._closing(send)
        await self._application(scope, receive, send)

    def _drain(self) -> None:
        """The second time there is no more waiting."""
        pause_seconds = 0.0 if self._is_stopping else DRAIN_SECONDS
        self._is_stopping = True
        asyncio.get_running_loop().call_later(pause_seconds, signal.raise_signal, signal.SIGINT)

    def _closing(self, send: Send) -> Send:
        async def send_closing(message: Message) -> None:
            if self._is_stopping and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        return send_closing
