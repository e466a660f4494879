"""Lua scripts that run in the queue server, known to it by their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from redis import Redis
from redis.exceptions import NoScriptError

from zhenwen.jobs.queues import AsyncConnection

Argument = str | bytes | int | float


class Script:
    """Digested once and run by any client, unlike redis-py's own, which belongs to one."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def run(self, client: Redis[bytes], *, keys: Sequence[str] = (), args: Sequence[Argument] = ()) -> Any:
        """Raises redis.RedisError."""
        try:
            return client.execute_command("EVALSHA", self._digest, len(keys), *keys, *args)
        except NoScriptError:
            return client.execute_command("EVAL", self._source, len(keys), *keys, *args)

    async def run_async(self, client: AsyncConnection, *, args: Sequence[Argument]) -> Any:
        """Raises redis.RedisError."""
        try:
            return await client.execute_command("EVALSHA", self._digest, 0, *args)
        except NoScriptError:
            return await client.execute_command("EVAL", self._source, 0, *args)
