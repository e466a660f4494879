"""Many documents through one scorer: segments of different documents share batches, the order stays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from detection.scoring.calibration import Calibration
from detection.scoring.prepare import PreparedDocument, prepare
from detection.scoring.types import DetectionResult, ExtractedDocument, Scorer, SegmentInput
from detection.scoring.verdict import abstention, conclude

GROUP_SEGMENTS = 128
GROUP_DOCUMENTS = 256

Item = TypeVar("Item")


def detect_stream(
    items: Iterable[tuple[Item, ExtractedDocument | None]],
    *,
    scorer: Scorer,
    calibration: Calibration,
    tolerated_fpr: float,
) -> Iterator[tuple[Item, DetectionResult | None]]:
    """Each item with the result of its document, in order; an item without a document passes through.

    Holds one group of documents in memory, however long the stream.
    """
    for group in _groups(items):
        documents = [prepared for _, prepared in group if prepared is not None]
        results = iter(_results(documents, scorer, calibration, tolerated_fpr))
        for item, prepared in group:
            yield item, None if prepared is None else next(results)


def _groups(
    items: Iterable[tuple[Item, ExtractedDocument | None]],
) -> Iterator[list[tuple[Item, PreparedDocument | None]]]:
    group: list[tuple[Item, PreparedDocument | None]] = []
    segments = 0
    for item, document in items:
        prepared = None if document is None else prepare(document)
        group.append((item, prepared))
        segments += 0 if prepared is None else len(prepared.segments)
        if segments >= GROUP_SEGMENTS or len(group) >= GROUP_DOCUMENTS:
            yield group
            group, segments = [], 0
    if group:
        yield group


def _results(
    documents: Sequence[PreparedDocument], scorer: Scorer, calibration: Calibration, tolerated_fpr: float
) -> list[DetectionResult]:
    needed: list[Sequence[SegmentInput]] = [
        () if abstention(document, calibration) else document.segments for document in documents
    ]
    scores = iter(scorer.score([segment for segments in needed for segment in segments]))
    return [
        conclude(
            prepared=document,
            scores=[next(scores) for _ in segments],
            calibration=calibration,
            tolerated_fpr=tolerated_fpr,
            model_name=scorer.model_name,
            model_digest=scorer.model_digest,
        )
        for document, segments in zip(documents, needed, strict=True)
    ]
