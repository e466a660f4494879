"""Score files or lines of JSON with a local model: no server, no database, no network."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from tqdm import tqdm

from detection.engine import ModelFolderError, ModelScorer, default_model_folder, load_model_folder
from detection.extraction.errors import ERROR_TEXTS, ExtractionError
from detection.extraction.extract import extract_file, extract_text
from detection.scoring.content import result_content
from detection.scoring.stream import detect_stream
from detection.scoring.types import DetectionResult, ExtractedDocument

MOST_LINE_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to score: what to call it, where it stood, and either a document or why there is none."""

    id: object
    line: int
    document: ExtractedDocument | None = None
    error: dict[str, str] | None = None


class Command(BaseCommand):
    help = "Scores files, or lines of JSON on standard input; one result per line on standard output."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="*", metavar="FILE", type=Path, help=".docx, .pdf, .txt or .md")
        parser.add_argument("--jsonl", action="store_true", help='{"id", "text"} per line on standard input')
        parser.add_argument("--fpr", type=float, default=0.01, help="tolerated false-positive rate (0.01)")
        parser.add_argument("--model", type=Path, help="model folder (the shipped one)")
        parser.add_argument("--with-text", action="store_true", help="add the text of each sentence")

    def handle(self, *_args: Any, **options: Any) -> None:
        files: list[Path] = options["files"]
        if bool(files) == options["jsonl"]:
            raise CommandError(_("Give either files or --jsonl."))
        scorer = self._load(options["model"] or default_model_folder())
        entries = _entries_of_lines(sys.stdin.buffer) if options["jsonl"] else _entries_of_files(files)
        progress = tqdm(
            total=len(files) or None, unit=_("texts"), disable=not sys.stderr.isatty(), file=sys.stderr
        )
        failures = 0
        with progress:
            for entry, result in self._results(entries, scorer, options["fpr"]):
                failures += result is None
                self._write(entry, result, with_text=options["with_text"])
                progress.update()
        if failures and files:
            raise CommandError(_("%(count)s of the files could not be scored.") % {"count": failures})

    def _load(self, folder: Path) -> ModelScorer:
        try:
            return load_model_folder(folder)
        except ModelFolderError as error:
            raise CommandError(str(error)) from error

    def _results(
        self, entries: Iterable[Entry], scorer: ModelScorer, tolerated_fpr: float
    ) -> Iterator[tuple[Entry, DetectionResult | None]]:
        return detect_stream(
            ((entry, entry.document) for entry in entries),
            scorer=scorer,
            calibration=scorer.calibration,
            tolerated_fpr=tolerated_fpr,
        )

    def _write(self, entry: Entry, result: DetectionResult | None, *, with_text: bool) -> None:
        if result is None or entry.document is None:
            content: dict[str, Any] = {"error": entry.error}
        else:
            content = result_content(result)
            if with_text:
                for sentence in content["sentences"]:
                    sentence["text"] = entry.document.text[sentence["start"] : sentence["end"]]
        place = {"id": entry.id} if entry.id is not None else {"id": None, "line": entry.line}
        line = json.dumps({**place, **content}, ensure_ascii=False)
        # A lone surrogate cannot be written as UTF-8; escaped it is the same JSON.
        self.stdout.write(line.encode("utf-8", "backslashreplace").decode("utf-8"))


def _entries_of_files(files: Iterable[Path]) -> Iterator[Entry]:
    for number, path in enumerate(files, 1):
        try:
            yield Entry(str(path), number, extract_file(data=path.read_bytes(), filename=path.name))
        except ExtractionError as error:
            yield Entry(str(path), number, error=_explained(error))
        except OSError as error:
            yield Entry(str(path), number, error={"code": "unreadable_file", "message": str(error.strerror)})


def _entries_of_lines(source: BinaryIO) -> Iterator[Entry]:
    number = 0
    while line := source.readline(MOST_LINE_BYTES):
        number += 1
        if len(line) == MOST_LINE_BYTES and not line.endswith(b"\n"):
            _skip_line(source)
            yield Entry(None, number, error={"code": "line_too_long", "message": _("The line is too long.")})
        elif line.strip():
            yield _entry_of_line(line, number)


def _skip_line(source: BinaryIO) -> None:
    while (rest := source.readline(MOST_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


def _entry_of_line(line: bytes, number: int) -> Entry:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        message = _("The line is not valid JSON.")
        return Entry(None, number, error={"code": "invalid_json", "message": message})
    identifier = content.get("id") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(content.get("text"), str):
        message = _('The line must be an object with a text: {"id": …, "text": "…"}.')
        return Entry(identifier, number, error={"code": "invalid_line", "message": message})
    try:
        return Entry(identifier, number, extract_text(content["text"]))
    except ExtractionError as error:
        return Entry(identifier, number, error=_explained(error))


def _explained(error: ExtractionError) -> dict[str, str]:
    text = ERROR_TEXTS[error.code]
    parts = [_(sentence) % error.parameters for sentence in (text.what_happened, text.what_to_do)]
    return {"code": error.code.value, "message": " ".join(parts)}
