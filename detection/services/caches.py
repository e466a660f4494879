"""What Valkey remembers of scores, under keys that name the model: losing it costs time, never truth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from redis import RedisError

from detection.models import Detection, Document
from detection.scoring.prepare import prepare
from detection.scoring.types import BlockKind, ExtractedDocument, SegmentInput, SegmentScore, TextBlock
from detection.services.score_memory import ScoreMemory
from zhenwen.jobs.queues import shared_connection

logger = structlog.get_logger(__name__)

SEGMENT_SECONDS = 7 * 24 * 3600
_ERASURES = "cache:erasures"

_memory = ScoreMemory()


@dataclass(frozen=True, slots=True)
class ResultKey:
    """Results of one text share a set, by which erasure finds them. `terms` as in realtime_terms."""

    organization_id: int
    text_sha256: str
    terms: str

    @property
    def name(self) -> str:
        return f"result:{self.organization_id}:{self.text_sha256}:{self.terms}"

    @property
    def of_text(self) -> str:
        return _results_of_text(self.organization_id, self.text_sha256)


def cached_scores(*, model_digest: str, segments: Sequence[SegmentInput]) -> list[SegmentScore | None]:
    """In the order of the segments, None where unknown. One round trip; empty-handed without a server."""
    if not segments:
        return []
    look_up = LookUp(model_digest=model_digest, segments=segments)
    try:
        return look_up.completed(shared_connection().mget(look_up.names))
    except RedisError:
        # Whether something was erased meanwhile cannot be known.
        _memory.clear()
        return [None] * len(segments)


class LookUp:
    """What this process remembers, if nothing was erased since, and for the rest what Valkey does.

    Valkey is asked for the values of some names, by whom that costs least.
    """

    def __init__(self, *, model_digest: str, segments: Sequence[SegmentInput]) -> None:
        self._keys = [segment_key(model_digest, segment) for segment in segments]
        self._found = _memory.look_up(self._keys)

    @property
    def names(self) -> list[str]:
        return [_ERASURES, *(self._keys[number] for number in self._missing())]

    def completed(self, values: Sequence[bytes | None]) -> list[SegmentScore | None]:
        """By the values of `names`. Raises redis.RedisError."""
        epoch, *values = values
        missing = self._missing()
        if not _memory.is_of_epoch(epoch) and len(missing) < len(self._keys):
            self._found = [None] * len(self._keys)
            return self.completed(shared_connection().mget(self.names))
        fresh = {
            number: _loaded(value) for number, value in zip(missing, values, strict=True) if value is not None
        }
        for number, score in fresh.items():
            self._found[number] = score
        _memory.keep([self._keys[number] for number in fresh], list(fresh.values()))
        return self._found

    def _missing(self) -> list[int]:
        return [number for number, score in enumerate(self._found) if score is None]


def scores_in_memory(*, model_digest: str, segments: Sequence[SegmentInput]) -> list[SegmentScore | None]:
    """What this process saw last, without asking anybody else."""
    return _memory.look_up([segment_key(model_digest, segment) for segment in segments])


def keep_in_memory(
    *, model_digest: str, segments: Sequence[SegmentInput], scores: Sequence[SegmentScore]
) -> None:
    _memory.keep([segment_key(model_digest, segment) for segment in segments], scores)


def remember_scores(
    *, model_digest: str, segments: Sequence[SegmentInput], scores: Sequence[SegmentScore]
) -> None:
    keep_in_memory(model_digest=model_digest, segments=segments, scores=scores)
    try:
        pipeline = shared_connection().pipeline(transaction=False)
        for key, value in written_scores(model_digest=model_digest, segments=segments, scores=scores):
            pipeline.set(key, value, ex=SEGMENT_SECONDS)
        pipeline.execute()
    except RedisError:
        logger.warning("segment scores not cached")


def written_scores(
    *, model_digest: str, segments: Sequence[SegmentInput], scores: Sequence[SegmentScore]
) -> list[tuple[str, str]]:
    """Key and value of each, to be set for SEGMENT_SECONDS."""
    return [
        (segment_key(model_digest, segment), json.dumps([score.logit, *score.sentence_logits]))
        for segment, score in zip(segments, scores, strict=True)
    ]


def segment_key(model_digest: str, segment: SegmentInput) -> str:
    content = f"{segment.sentence_ends}\n{segment.text}".encode("utf-8", "surrogatepass")
    return f"segment:{model_digest[:16]}:{hashlib.sha256(content).hexdigest()}"


def forget_scores_in_memory() -> None:
    """Of this process; the others' follow when something is erased."""
    _memory.clear()


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
        client.pipeline().delete(results, *keys).incr(_ERASURES).execute()
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
