"""Scoring many documents the way the product does, and remembering every score on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from detection.scoring.evidence import Evidence, weigh
from detection.scoring.prepare import PreparedDocument, plain_document, prepare
from detection.scoring.types import Scorer, SegmentInput, SegmentScore

_CHUNK_SEGMENTS = 256


class RememberingScorer:
    """A scorer that scores every segment once; `folder` keeps the scores of each model by its digest."""

    def __init__(self, scorer: Scorer, folder: Path) -> None:
        self._scorer = scorer
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{scorer.model_digest[:16]}.jsonl"
        self._known: dict[str, SegmentScore] = {}
        if self._path.exists():
            for line in self._path.read_text("utf-8").splitlines():
                key, logit, sentences = json.loads(line)
                self._known[key] = SegmentScore(logit, tuple(sentences))

    @property
    def model_name(self) -> str:
        return self._scorer.model_name

    @property
    def model_digest(self) -> str:
        return self._scorer.model_digest

    def score(self, segments: Sequence[SegmentInput]) -> list[SegmentScore]:
        keys = [_key(segment) for segment in segments]
        new = {key: s for key, s in zip(keys, segments, strict=True) if key not in self._known}
        # Like lengths together: little is lost to padding, and the bar tells the time that is left.
        ordered = sorted(new.items(), key=lambda item: len(item[1].text))
        with (
            self._path.open("a", encoding="utf-8") as file,
            tqdm(total=sum(len(s.text) for s in new.values()), unit="char", disable=len(new) < 100) as bar,
        ):
            for first in range(0, len(ordered), _CHUNK_SEGMENTS):
                chunk = ordered[first : first + _CHUNK_SEGMENTS]
                for (key, segment), score in zip(
                    chunk, self._scorer.score([s for _, s in chunk]), strict=True
                ):
                    self._known[key] = score
                    file.write(json.dumps([key, score.logit, score.sentence_logits]) + "\n")
                    bar.update(len(segment.text))
        return [self._known[key] for key in keys]


def prepared_texts(texts: Sequence[str]) -> list[PreparedDocument]:
    return [prepare(plain_document(text)) for text in texts]


def weighed(documents: Sequence[PreparedDocument], scorer: Scorer) -> list[Evidence]:
    """Evidence of documents with at least one segment each, all scored together."""
    scores = scorer.score([segment for document in documents for segment in document.segments])
    evidence: list[Evidence] = []
    first = 0
    for document in documents:
        end = first + len(document.segments)
        evidence.append(weigh(document, scores[first:end]))
        first = end
    return evidence


def _key(segment: SegmentInput) -> str:
    content = f"{segment.sentence_ends}{segment.text}"
    return hashlib.sha256(content.encode()).hexdigest()[:24]
