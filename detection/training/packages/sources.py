"""The list of packages: one table of a TOML file for each source of texts."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from detection.training.packages.archives import Package, PackageError
from detection.training.packages.readers import READERS
from detection.training.texts import AI, HUMAN

SOURCES = Path(__file__).parent / "sources.toml"
LAST_HUMAN_DAY = date(2022, 11, 29)  # the day before ChatGPT


@dataclass(frozen=True, slots=True)
class Source:
    """Texts of one kind in one package.

    `written`: no later than this day, by `evidence`. `domain`: the kind of writing. `files`: patterns of
    paths in the archive. `generator`: the model that wrote the texts, where one did. `is_measured`: kept from
    training and calibration, so that a model can be measured on it.
    """

    name: str
    package: Package
    written: date
    evidence: str
    licence: str
    domain: str
    reader: str
    files: tuple[str, ...]
    label: str = HUMAN
    generator: str = ""
    most_passages: int = 300
    is_measured: bool = False

    def __post_init__(self) -> None:
        if self.reader not in READERS or self.label not in (HUMAN, AI):
            raise PackageError(f"{self.name}: no such reader or label")
        if self.label == HUMAN and self.written > LAST_HUMAN_DAY:
            raise PackageError(f"{self.name}: a text of {self.written} may be a model's")
        if (self.label == AI) != bool(self.generator):
            raise PackageError(f"{self.name}: a model's text names its model, and no other does")


def read_sources(path: Path = SOURCES) -> list[Source]:
    """Raises PackageError for a source that may not be used, TypeError for a field missing or unknown."""
    tables: dict[str, dict[str, Any]] = tomllib.loads(path.read_text("utf-8"))
    return [_source(name, table) for name, table in tables.items()]


def _source(name: str, table: dict[str, Any]) -> Source:
    rest = {field: value for field, value in table.items() if field not in _PACKAGE}
    package = Package(**{ours: table[theirs] for theirs, ours in _PACKAGE.items() if theirs in table})
    return Source(name=name, package=package, **{**rest, "files": tuple(rest["files"])})


_PACKAGE = {"registry": "registry", "package": "name", "version": "version", "sha256": "sha256"}
