"""From the uploaded file to text blocks, in a forked worker with limits."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from detection.errors import DetectionError
from detection.extraction import extract_file
from detection.extraction.errors import ExtractionError
from detection.models import Detection, Document, DocumentContent, Priority
from detection.scoring.prepare import prepare
from detection.scoring.types import ExtractedDocument
from detection.services.claiming import claim_next
from detection.services.dispatch import dispatch_on_commit
from detection.services.leases import renewed_lease
from detection.services.lifecycle import fail_detection, send_back
from detection.services.submission import stored_blocks
from detection.services.transitions import move
from detection.states import State
from zhenwen.ledger.services import AllowanceExceeded, reserve_characters
from zhenwen.observability.metrics import STAGE_SECONDS
from zhenwen.tenancy.scope import tenant_scope

logger = structlog.get_logger(__name__)


def extract_next(*, tell: Callable[[Detection], None]) -> None:
    """Claim the file whose turn it is, `tell` whose it is, read, count, reserve, hand on."""
    detection = claim_next(waiting=State.QUEUED, priority=Priority.DOCUMENTS, to=State.EXTRACTING)
    if detection is not None:
        tell(detection)
        extract_claimed(detection)


def extract_claimed(detection: Detection) -> None:
    """Quietly leaves no trace when somebody else has the detection meanwhile."""
    with tenant_scope(detection.organization_id):
        row = Document.objects.select_related("content").defer("content__text").get(pk=detection.document_id)
    try:
        with renewed_lease(detection), STAGE_SECONDS.labels("extract").time():
            document = extract_file(data=bytes(row.content.file_bytes or b""), filename=row.filename)
            characters = prepare(document).characters
    except ExtractionError as error:
        _fail(detection, error.code, error.parameters)
        return
    except MemoryError:
        _fail(detection, DetectionError.FILE_TOO_DEMANDING, {})
        return
    except Exception as error:
        # Only the kind of error: its message may quote the document.
        logger.error("extraction failed", detection_id=str(detection.pk), error_type=type(error).__name__)
        blame_file(
            organization_id=detection.organization_id,
            detection_id=str(detection.pk),
            attempt=detection.attempt,
        )
        return
    try:
        with tenant_scope(detection.organization_id):
            _store(detection, row, document, characters)
    except AllowanceExceeded:
        _fail(detection, DetectionError.ALLOWANCE_EXCEEDED, {})


def blame_file(*, organization_id: int, detection_id: str, attempt: int) -> None:
    """Reading this file killed its reader or took too long: once more, then it is the file's fault."""
    with tenant_scope(organization_id):
        detection = Detection.objects.filter(pk=detection_id, attempt=attempt, state=State.EXTRACTING).first()
        if detection is None:
            return
        logger.warning("reader died", detection_id=detection_id, attempt=attempt)
        if attempt >= settings.EXTRACT_ATTEMPTS_AT_MOST:
            fail_detection(detection=detection, code=DetectionError.FILE_TOO_DEMANDING)
        else:
            send_back(detection=detection)


@transaction.atomic(savepoint=False)
def _store(detection: Detection, row: Document, document: ExtractedDocument, characters: int) -> None:
    """Text, count, reservation and state: all of it, or nothing. Raises AllowanceExceeded."""
    moved = move(
        detection,
        to=State.QUEUED_FOR_SCORING,
        characters=characters,
        lease_expires_at=None,
        waiting_since=timezone.now(),
    )
    if not moved:
        return
    reserve_characters(
        organization_id=detection.organization_id,
        characters=characters,
        reference=detection.ledger_reference,
    )
    DocumentContent.objects.filter(document_id=detection.document_id).update(
        text=document.text, blocks=stored_blocks(document)
    )
    title = row.title or (document.title or "")[:255]
    Document.objects.filter(pk=row.pk).update(page_count=document.page_count, title=title)
    dispatch_on_commit(detection)


def _fail(detection: Detection, code: str, parameters: dict[str, int | str]) -> None:
    # A transaction that was rolled back left the object ahead of its row.
    detection.state = State.EXTRACTING
    with tenant_scope(detection.organization_id):
        fail_detection(detection=detection, code=code, parameters=parameters)
    logger.info("file refused", detection_id=str(detection.pk), error_code=code)
