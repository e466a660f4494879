"""Change the model version that serves, or go back to the one before."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from detection.models import ModelVersion
from detection.selectors.model_versions import workers_without
from detection.services.model_versions import NoPreviousVersion, request_activation, request_rollback

WAIT_SECONDS = 120
LOOK_SECONDS = 0.5


class Command(BaseCommand):
    help = "Asks the warm workers to serve with a registered version, and waits until all of them do."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("digest", nargs="?", help="the digest of the version, or how it begins")
        parser.add_argument("--rollback", action="store_true", help="the version that served before")
        parser.add_argument("--no-wait", action="store_true", help="only ask")

    def handle(self, *_args: Any, **options: Any) -> None:
        if bool(options["digest"]) == options["rollback"]:
            raise CommandError("Give either the digest of a version or --rollback.")
        version = _rolled_back() if options["rollback"] else _asked_for(options["digest"])
        if not options["no_wait"]:
            self._wait(version)
        if version.status == ModelVersion.Status.FAILED:
            raise CommandError(f"{version} was refused: {version.failure_reason}")
        self.stdout.write(f"{version}: {version.get_status_display()}")
        if not options["no_wait"] and (behind := workers_without(version)):
            names = ", ".join(worker.name for worker in behind)
            self.stderr.write(f"Not yet taken up after {WAIT_SECONDS} seconds by {names}.")

    def _wait(self, version: ModelVersion) -> None:
        """The first worker that can serve with it makes it active; others may be busier."""
        ends_at = time.monotonic() + WAIT_SECONDS
        while _is_under_way(version) and time.monotonic() < ends_at:
            time.sleep(LOOK_SECONDS)
            version.refresh_from_db()


def _is_under_way(version: ModelVersion) -> bool:
    if version.status == ModelVersion.Status.ACTIVE:
        return bool(workers_without(version))
    return version.status == ModelVersion.Status.ACTIVATING


def _asked_for(digest: str) -> ModelVersion:
    found = list(ModelVersion.objects.filter(digest__startswith=digest)[:2])
    if len(found) != 1:
        raise CommandError(
            f"{digest}: {'more than one version' if found else 'no version'} begins like this."
        )
    request_activation(model_version=found[0])
    return found[0]


def _rolled_back() -> ModelVersion:
    try:
        return request_rollback()
    except NoPreviousVersion:
        raise CommandError("No other version has served before.") from None
