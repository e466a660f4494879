"""Finds lost work, books realtime usage and erases what is kept no longer; one is enough, more do no harm."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections, connection
from redis import RedisError

from detection.services.realtime_usage import book_realtime_usage
from detection.services.realtime_writer import write_left_records
from detection.services.sweeping import (
    erase_expired_contents,
    forget_old_replies,
    take_back_expired_leases,
    wake_for_the_waiting,
)

logger = structlog.get_logger(__name__)

CHORES: tuple[Callable[[], int], ...] = (
    take_back_expired_leases,
    wake_for_the_waiting,
    book_realtime_usage,
    write_left_records,
    erase_expired_contents,
    forget_old_replies,
)


class Command(BaseCommand):
    help = "Sweeps every SWEEP_INTERVAL_SECONDS until told to stop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, for tests and repairs")

    def handle(self, *_args: Any, **options: Any) -> None:
        stopped = threading.Event()
        if options["once"]:
            sweep_once()
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        while not stopped.wait(settings.SWEEP_INTERVAL_SECONDS):
            sweep_once()


def sweep_once() -> None:
    """Every chore by itself: one that fails does not keep the others from theirs."""
    for chore in CHORES:
        close_old_connections()
        try:
            done = chore()
        except (DatabaseError, RedisError) as error:
            logger.warning("chore put off", chore=chore.__name__, error=type(error).__name__)
            connection.close()
            continue
        if done:
            logger.info("swept", chore=chore.__name__, count=done)
