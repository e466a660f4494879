"""Handing in texts and files: one transaction makes the document, its detection and the reservation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.conf import settings

from accounts.models import User
from detection.errors import ErrorWords, words_for
from detection.extraction import extract_text
from detection.extraction.errors import ErrorCode, ExtractionError
from detection.extraction.filetype import EXTENSIONS
from detection.extraction.limits import MEGABYTE
from detection.models import Batch, Detection, Document, DocumentContent, Priority
from detection.scoring.prepare import prepare
from detection.scoring.types import ExtractedDocument
from detection.selectors.policies import policy_of
from detection.services.dispatch import dispatch_on_commit
from detection.states import State
from zhenwen.ledger.services import AllowanceExceeded, current_allowance, reserve_characters


@dataclass(frozen=True, slots=True)
class Submitter:
    """Who hands in: a member, or an API key known by its hint."""

    user: User | None
    label: str


class SubmissionRefused(Exception):
    """Refused at the door, nothing stored or charged. `code` and `parameters` as in detection.errors."""

    def __init__(self, code: str, **parameters: int | str) -> None:
        super().__init__(code)
        self.code = code
        self.parameters = parameters

    @property
    def words(self) -> ErrorWords:
        return words_for(self.code, self.parameters)


def open_batch(*, organization_id: int, submitter: Submitter, name: str = "") -> Batch:
    return Batch.objects.create(organization_id=organization_id, name=name[:200], created_by=submitter.user)


def submit_text(
    *,
    organization_id: int,
    text: str,
    submitter: Submitter,
    title: str = "",
    external_id: str = "",
    priority: Priority = Priority.DOCUMENTS,
    batch: Batch | None = None,
    detection_id: UUID | None = None,
) -> Detection:
    """A detection waiting to be scored, its characters reserved.

    Raises SubmissionRefused for a text that cannot be one, AllowanceExceeded when too little is left for it.
    """
    try:
        document = extract_text(text)
    except ExtractionError as error:
        raise SubmissionRefused(error.code, **error.parameters) from error
    row = Document.objects.create(
        organization_id=organization_id,
        batch=batch,
        source=Document.Source.TEXT,
        title=title_for(title, document.text),
        external_id=external_id,
        size_bytes=text_size_bytes(text),
        sha256=text_sha256(document.text),
    )
    DocumentContent.objects.create(
        organization_id=organization_id, document=row, text=document.text, blocks=stored_blocks(document)
    )
    characters = prepare(document).characters
    detection = _new_detection(
        row, State.QUEUED_FOR_SCORING, submitter, priority, characters, detection_id=detection_id
    )
    reserve_characters(
        organization_id=organization_id, characters=characters, reference=detection.ledger_reference
    )
    dispatch_on_commit(detection)
    return detection


def submit_file(
    *,
    organization_id: int,
    data: bytes,
    filename: str,
    submitter: Submitter,
    title: str = "",
    external_id: str = "",
    batch: Batch | None = None,
) -> Detection:
    """A detection waiting for its file to be read; its characters are reserved once they are counted.

    Raises SubmissionRefused for what is wrong at first sight, AllowanceExceeded when nothing is left.
    """
    _check_at_first_sight(data, filename)
    remaining = current_allowance(organization_id=organization_id).remaining_characters
    if remaining <= 0:
        raise AllowanceExceeded(asked_characters=1, remaining_characters=remaining)
    row = Document.objects.create(
        organization_id=organization_id,
        batch=batch,
        source=Document.Source.FILE,
        title=title[:255],
        filename=filename[-255:],
        external_id=external_id,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    DocumentContent.objects.create(organization_id=organization_id, document=row, file_bytes=data)
    detection = _new_detection(row, State.QUEUED, submitter, Priority.DOCUMENTS, None)
    dispatch_on_commit(detection)
    return detection


def stored_blocks(document: ExtractedDocument) -> list[list[int | str]]:
    return [[block.start, block.end, block.kind.value] for block in document.blocks]


def text_sha256(text: str) -> str:
    return hashlib.sha256(_encoded(text)).hexdigest()


def text_size_bytes(text: str) -> int:
    return len(_encoded(text))


def title_for(title: str, text: str) -> str:
    """What lists call a text: the title it was given, else the first words of the cleaned text."""
    return (title or " ".join(text[:200].split())[:40])[:255]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _check_at_first_sight(data: bytes, filename: str) -> None:
    if not data:
        raise SubmissionRefused(ErrorCode.EMPTY_FILE)
    if len(data) > settings.UPLOAD_SIZE_BYTES_AT_MOST:
        limit = settings.UPLOAD_SIZE_BYTES_AT_MOST // MEGABYTE
        raise SubmissionRefused(ErrorCode.TOO_LARGE, limit_megabytes=limit)
    if filename.lower().endswith(".doc"):
        raise SubmissionRefused(ErrorCode.LEGACY_DOC)
    if not filename.lower().endswith(tuple(EXTENSIONS)):
        raise SubmissionRefused(ErrorCode.UNSUPPORTED_TYPE)


def _new_detection(
    document: Document,
    state: State,
    submitter: Submitter,
    priority: Priority,
    characters: int | None,
    *,
    detection_id: UUID | None = None,
) -> Detection:
    return Detection.objects.create(
        id=detection_id or uuid4(),
        organization_id=document.organization_id,
        document=document,
        state=state,
        priority=priority,
        characters=characters,
        tolerated_fpr=policy_of(organization_id=document.organization_id).tolerated_fpr,
        created_by=submitter.user,
        created_by_label=submitter.label,
    )
