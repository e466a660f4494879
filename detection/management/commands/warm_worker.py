"""Scores documents with a model that stays loaded."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from detection.engine import ModelFolderError
from detection.selectors.model_versions import active_model_version
from detection.tasks import announce_model
from zhenwen.jobs.queues import DOCUMENTS, REALTIME
from zhenwen.jobs.workers import run_warm_worker


class Command(BaseCommand):
    help = "Loads the active model and works on one queue of detections."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue", choices=[REALTIME, DOCUMENTS], required=True)

    def handle(self, *_args: Any, **options: Any) -> None:
        version = active_model_version()
        if version is not None:
            try:
                announce_model(options["queue"], version)
            except ModelFolderError as error:
                raise CommandError(str(error)) from error
        run_warm_worker(queue=options["queue"])
