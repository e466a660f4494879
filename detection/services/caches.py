"""What Valkey remembers of scores, under keys that name the model: losing it costs time, never truth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from redis import RedisError

from detection.models import Detection, Document
from detection.scoring.prepare import prepare
from detection.scoring.types import BlockKind, ExtractedDocument, SegmentInput, SegmentScore, TextBlock
from zhenwen.jobs.queues import shared_connection

logger = structlog.get_logger(__name__)

SEGMENT_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class ResultKey:
    """All that a result depends on. Results of one text share a set, by which erasure finds them."""

    organization_id: int
    text_sha256: str
    model_digest: str
    calibration_digest: str
    tolerated_fpr: object

    @property
    def name(self) -> str:
        model = f"{self.model_digest[:16]}:{self.calibration_digest[:16]}:{self.tolerated_fpr}"
        return f"result:{self.organization_id}:{self.text_sha256}:{model}"

    @property
    def of_text(self) -> str:
        return _results_of_text(self.organization_id, self.text_sha256)


def cached_scores(*, model_digest: str, segments: Sequence[SegmentInput]) -> list[SegmentScore | None]:
    """In the order of the segments, None where unknown. One round trip; empty-handed without a server."""
    if not segments:
        return []
    try:
        found = shared_connection().mget([segment_key(model_digest, segment) for segment in segments])
    except RedisError:
        return [None] * len(segments)
    return [None if value is None else _loaded(value) for value in found]


def remember_scores(
    *, model_digest: str, segments: Sequence[SegmentInput], scores: Sequence[SegmentScore]
) -> None:
    try:
        pipeline = shared_connection().pipeline(transaction=False)
        for segment, score in zip(segments, scores, strict=True):
            value = json.dumps([score.logit, *score.sentence_logits])
            pipeline.set(segment_key(model_digest, segment), value, ex=SEGMENT_SECONDS)
        pipeline.execute()
    except RedisError:
        logger.warning("segment scores not cached")


def remember_result(key: ResultKey, payload: dict[str, Any]) -> None:
    """The number of characters stands in front, where the counting script finds it."""
    value = f"{payload['characters']} {json.dumps(payload)}"
    try:
        pipeline = shared_connection().pipeline()
        pipeline.set(key.name, value, ex=settings.RESULT_CACHE_SECONDS)
        pipeline.sadd(key.of_text, key.name)
        pipeline.expire(key.of_text, settings.RESULT_CACHE_SECONDS)
        pipeline.execute()
    except RedisError:
        logger.warning("result not cached")


def loaded_result(value: bytes) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(value.partition(b" ")[2])
    return payload


def segment_key(model_digest: str, segment: SegmentInput) -> str:
    content = f"{segment.sentence_ends}\n{segment.text}".encode("utf-8", "surrogatepass")
    return f"segment:{model_digest[:16]}:{hashlib.sha256(content).hexdigest()}"


def forget_document(document: Document) -> None:
    """Erase what the cache holds of this document, under every model that scored it."""
    content = getattr(document, "content", None)
    keys: list[str] = []
    if content is not None and content.text:
        segments = prepare(stored_document(content.text, content.blocks)).segments
        for digest in _digests_used(document):
            keys.extend(segment_key(digest, segment) for segment in segments)
    results = _results_of_text(document.organization_id, document.sha256)
    try:
        client = shared_connection()
        keys.extend(name.decode() for name in client.smembers(results))
        client.delete(results, *keys)
    except RedisError:
        logger.warning("cache away, its entries of an erased document expire by themselves")


def stored_document(text: str, blocks: Sequence[tuple[int, int, str]]) -> ExtractedDocument:
    """The extracted document as DocumentContent keeps it."""
    return ExtractedDocument(
        text=text, blocks=tuple(TextBlock(start, end, BlockKind(kind)) for start, end, kind in blocks)
    )


def _results_of_text(organization_id: int, text_sha256: str) -> str:
    return f"results:{organization_id}:{text_sha256}"


def _digests_used(document: Document) -> set[str]:
    rows = Detection.objects.filter(document=document, model_version__isnull=False)
    return set(rows.values_list("model_version__digest", flat=True))


def _loaded(value: bytes) -> SegmentScore:
    logit, *sentence_logits = json.loads(value)
    return SegmentScore(logit, tuple(sentence_logits))
