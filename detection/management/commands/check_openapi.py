"""The checked-in OpenAPI description is valid, complete and what the code does."""

from __future__ import annotations

import difflib
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats

from detection.api.schema import api_schema, schema_yaml

PATH = settings.ROOT / "docs" / "openapi.yaml"


class Command(BaseCommand):
    help = "Compares docs/openapi.yaml with what the code describes; --write brings it up to date."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="write docs/openapi.yaml")

    def handle(self, *_args: Any, write: bool, **_options: Any) -> None:
        from openapi_spec_validator import OpenAPIV31SpecValidator

        reset_generator_stats()
        described = schema_yaml().decode()
        if GENERATOR_STATS:
            raise CommandError("drf-spectacular is not sure of the description; see its warnings above")
        OpenAPIV31SpecValidator(api_schema("en")).validate()
        if write:
            PATH.write_text(described, encoding="utf-8")
        self._compare(described)
        self.stdout.write(f"{PATH.relative_to(settings.ROOT)} is valid and up to date")

    def _compare(self, described: str) -> None:
        checked_in = PATH.read_text(encoding="utf-8") if PATH.exists() else ""
        difference = difflib.unified_diff(
            checked_in.splitlines(),
            described.splitlines(),
            "checked in",
            "described by the code",
            lineterm="",
        )
        shown = "\n".join(list(difference)[:40])
        if shown:
            raise CommandError(f"docs/openapi.yaml differs; run check_openapi --write\n{shown}")
