"""Scores documents with a model that stays loaded."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from detection.serving import serve_queue
from zhenwen.jobs.queues import DOCUMENTS, REALTIME


class Command(BaseCommand):
    help = "Loads the active model and works on one queue of detections."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue", choices=[REALTIME, DOCUMENTS], required=True)

    def handle(self, *_args: Any, **options: Any) -> None:
        serve_queue(queue=options["queue"])
