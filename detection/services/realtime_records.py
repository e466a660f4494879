"""The records of answered calls: rows and charge, written in bulk a moment after the answers.

The script that gives an answer also appends its record to a stream in Valkey, so that an answer has a record
and a record an answer. Writers take records from the stream and write rows and charge of each institution in
one transaction; only then the record leaves the stream.

1. The worker dies before the answer: nothing was recorded. The waiting web process hands the text in durably.
2. The worker dies after the answer: its record stands in the stream, and whoever writes next writes it.
3. A writer dies before its transaction ends: the record is still pending, and another takes it over.
4. A writer dies after its transaction: the record is taken over; the ledger knows its charge: it is let go.
5. The web process gave the call up and handed it in durably, under the same id, before or while the worker
   answered: the script then refuses the answer; should both stand, because Valkey was away in between, the
   ledger knows the reservation, and the record is let go. One of the two is charged.
6. A document is erased and its record comes again (4): the ledger remembers the charge, nothing comes back.
7. The web process dies with the answer in hand: recorded and charged like any other, and found by its id.
8. Valkey loses its memory: records not yet written are lost, and with them their charge. The answers were
   given. Nobody is charged for what is not recorded, and nobody twice.
9. PostgreSQL is away: records wait in the stream, answers go on.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import structlog
from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from detection.models import Detection, Document, DocumentContent, Priority, Report
from detection.scoring.types import DetectionResult, ExtractedDocument
from detection.scoring.verdict import was_scored
from detection.selectors.policies import policy_of
from detection.services.caches import forget_document
from detection.services.realtime_calls import AdmittedCall
from detection.services.realtime_terms import tolerated_fpr_in
from detection.services.reports import report_fields
from detection.services.submission import stored_blocks, text_size_bytes
from detection.states import State
from zhenwen.ledger.services import charge_each, references_entered
from zhenwen.observability.metrics import DETECTIONS_TOTAL, VERDICTS_TOTAL
from zhenwen.tenancy.scope import tenant_scope

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """All that the rows of an answered call say. Plain JSON content; times in ISO 8601."""

    organization_id: int
    detection_id: str
    document_id: str
    title: str
    external_id: str
    text: str
    blocks: list[list[int | str]]
    size_bytes: int
    text_sha256: str
    characters: int
    tolerated_fpr: str
    model_version_id: int
    label: str
    asked_at: str
    started_at: str
    finished_at: str
    report: Mapping[str, Any]

    @property
    def ledger_reference(self) -> str:
        return f"detection:{self.detection_id}"

    @property
    def charged_characters(self) -> int:
        """None where nothing was scored; the ledger then has an entry of 0, by which the record is known."""
        return self.characters if was_scored(self.report["reasons"]) else 0

    def encoded(self) -> bytes:
        return json.dumps({name: getattr(self, name) for name in _FIELDS}, ensure_ascii=False).encode()

    @classmethod
    def decoded(cls, body: bytes) -> CallRecord:
        return cls(**json.loads(body))


_FIELDS = tuple(one.name for one in fields(CallRecord))


def record_of(
    *,
    admitted: AdmittedCall,
    document: ExtractedDocument,
    result: DetectionResult,
    characters: int,
    model_version_id: int,
    started_at: datetime,
) -> CallRecord:
    call = admitted.call
    return CallRecord(
        organization_id=admitted.organization_id,
        detection_id=call.call_id,
        document_id=str(uuid.uuid4()),
        title=call.title,
        external_id=call.external_id,
        text=document.text,
        blocks=stored_blocks(document),
        size_bytes=text_size_bytes(call.text),
        text_sha256=call.text_sha256,
        characters=characters,
        tolerated_fpr=tolerated_fpr_in(admitted.terms),
        model_version_id=model_version_id,
        label=admitted.label,
        asked_at=call.asked.isoformat(),
        started_at=started_at.isoformat(),
        finished_at=timezone.now().isoformat(),
        report=report_fields(result),
    )


def as_detection(record: CallRecord) -> Detection:
    """To be read like the rows below. To make three of those takes as long as to conclude the call."""
    document = SimpleNamespace(
        pk=record.document_id,
        title=record.title,
        filename="",
        source=Document.Source.TEXT,
        external_id=record.external_id,
    )
    detection = SimpleNamespace(
        pk=record.detection_id,
        state=State.SUCCEEDED,
        document=document,
        characters=record.characters,
        created_at=datetime.fromisoformat(record.asked_at),
        finished_at=datetime.fromisoformat(record.finished_at),
        report=SimpleNamespace(**record.report),
    )
    return cast("Detection", detection)


def unsaved_detection(record: CallRecord) -> Detection:
    """The detection with its document and its report, as the rows will say it."""
    document = Document(
        id=uuid.UUID(record.document_id),
        organization_id=record.organization_id,
        source=Document.Source.TEXT,
        title=record.title,
        external_id=record.external_id,
        size_bytes=record.size_bytes,
        sha256=record.text_sha256,
        created_at=datetime.fromisoformat(record.asked_at),
    )
    detection = Detection(
        id=uuid.UUID(record.detection_id),
        organization_id=record.organization_id,
        document=document,
        state=State.SUCCEEDED,
        priority=Priority.REALTIME,
        characters=record.characters,
        tolerated_fpr=record.tolerated_fpr,
        model_version_id=record.model_version_id,
        created_by_label=record.label,
        created_at=document.created_at,
        started_at=datetime.fromisoformat(record.started_at),
        finished_at=datetime.fromisoformat(record.finished_at),
    )
    Report(organization_id=record.organization_id, detection=detection, **record.report)
    return detection


def write_records(records: Sequence[CallRecord]) -> None:
    """Rows and charge of every record that has none yet. Raises DatabaseError; then some may be written."""
    of_organization: defaultdict[int, list[CallRecord]] = defaultdict(list)
    for record in records:
        of_organization[record.organization_id].append(record)
    for organization_id, own in of_organization.items():
        try:
            _write(organization_id, own)
        except (IntegrityError, DataError):
            # One of them met its durable twin, or its institution is gone: each by itself.
            for record in own:
                _write_alone(record)


def _write_alone(record: CallRecord) -> None:
    try:
        _write(record.organization_id, [record])
    except (IntegrityError, DataError) as error:
        logger.error(
            "record let go",
            detection_id=record.detection_id,
            organization_id=record.organization_id,
            error_type=type(error).__name__,
        )


def _write(organization_id: int, records: Sequence[CallRecord]) -> None:
    with tenant_scope(organization_id):
        entered = references_entered(
            organization_id=organization_id, references=[record.ledger_reference for record in records]
        )
        new = {r.detection_id: r for r in records if r.ledger_reference not in entered}
        if not new:
            return
        detections = [unsaved_detection(record) for record in new.values()]
        keeps_texts = policy_of(organization_id=organization_id).retention_days != 0
        _insert(detections, new, keeps_texts=keeps_texts)
        if not keeps_texts:
            _forget(detections, new)
        charge_each(
            organization_id=organization_id,
            characters={record.ledger_reference: record.charged_characters for record in new.values()},
        )
        transaction.on_commit(lambda: _count(list(new.values())), robust=True)


def _insert(detections: Sequence[Detection], records: Mapping[str, CallRecord], *, keeps_texts: bool) -> None:
    documents = [detection.document for detection in detections]
    if not keeps_texts:
        for document, record in zip(documents, records.values(), strict=True):
            document.erased_at = timezone.now()
            if document.title in " ".join(record.text.split()):
                document.title = ""
    Document.objects.bulk_create(documents)
    if keeps_texts:
        DocumentContent.objects.bulk_create(
            DocumentContent(
                organization_id=record.organization_id,
                document=document,
                text=record.text,
                blocks=record.blocks,
            )
            for document, record in zip(documents, records.values(), strict=True)
        )
    Detection.objects.bulk_create(detections)
    Report.objects.bulk_create(detection.report for detection in detections)


def _forget(detections: Sequence[Detection], records: Mapping[str, CallRecord]) -> None:
    """What the caches hold of texts that are not kept."""
    for detection, record in zip(detections, records.values(), strict=True):
        DocumentContent(document=detection.document, text=record.text, blocks=record.blocks)
        forget_document(detection.document)


def _count(records: Sequence[CallRecord]) -> None:
    DETECTIONS_TOTAL.labels(State.SUCCEEDED.value, "").inc(len(records))
    verdicts = Counter((record.report["model_name"], record.report["verdict"]) for record in records)
    for (model, verdict), number in verdicts.items():
        VERDICTS_TOTAL.labels(model, verdict).inc(number)
