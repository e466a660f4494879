"""Reads uploaded files, each in a child process with limits."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.core.management.base import BaseCommand

from detection.extraction.limits import process_limits
from detection.scoring.prepare import plain_document, prepare
from detection.tasks import reader_killed
from zhenwen.jobs.queues import EXTRACT
from zhenwen.jobs.workers import run_forking_worker

# Loaded before the fork, so that no child pays for it.
READERS = ("detection.extraction.word", "detection.extraction.pdf")


class Command(BaseCommand):
    help = "Works on the extract queue."

    def handle(self, *_args: Any, **_options: Any) -> None:
        for reader in READERS:
            import_module(reader)
        prepare(plain_document("汉字"))  # makes the tables of characters, which cost more than most files
        run_forking_worker(queue=EXTRACT, limits=process_limits(), on_child_killed=reader_killed)
