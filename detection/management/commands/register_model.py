"""Make a model folder known to the platform, and ask the workers to serve with it."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from detection.engine import ModelFolderError, read_manifest
from detection.models import ModelVersion
from detection.scoring.calibration import Calibration
from detection.services.model_versions import register_model_version, request_activation


class Command(BaseCommand):
    help = (
        "Registers a model folder (the shipped one by default) and, unless told not to, asks for it to serve."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", nargs="?", type=Path, default=settings.MODEL_DIR)
        parser.add_argument("--staged", action="store_true", help="register only; do not serve with it yet")
        parser.add_argument(
            "--if-none-active", action="store_true", help="leave a version of another folder active"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        folder: Path = options["folder"].resolve()
        try:
            manifest = read_manifest(folder)
        except ModelFolderError as error:
            raise CommandError(str(error)) from error
        version = register_model_version(
            name=f"{manifest.name} {manifest.version}",
            digest=manifest.digest,
            calibration_digest=Calibration.load(folder).digest,
            folder=str(folder),
        )
        others_serve = (
            # An older version of this very folder cannot be loaded any more.
            ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVE)
            .exclude(folder=version.folder)
            .exists()
        )
        if not options["staged"] and not (options["if_none_active"] and others_serve):
            request_activation(model_version=version)
        self.stdout.write(f"{version.name} {version.digest[:12]}: {version.get_status_display()}")
