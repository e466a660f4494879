"""Loading a model folder and scoring segments with it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detection.engine.backends import (
    Backend,
    BackendInfo,
    LoadRequest,
    available_threads,
    choose_backend,
    open_backend,
    wished_precision,
)
from detection.engine.batches import BatchInput, padded_length, planned_batches
from detection.engine.head import Floats, Head, read_head
from detection.engine.manifest import Manifest, ModelFolderError, read_manifest
from detection.engine.tokens import Encoder, Tokens, load_encoder
from detection.scoring.calibration import CALIBRATION_FILE, Calibration, CalibrationError
from detection.scoring.types import SegmentInput, SegmentScore
from zhenwen.observability.metrics import BATCH_FILL_RATIO, BATCH_TOKENS, ENGINE_SECONDS

logger = logging.getLogger(__name__)

# Half precision moves the third decimal with the size of the batch; finer differences mean nothing.
LOGIT_DECIMALS = 3


def load_model_folder(
    folder: Path,
    *,
    backend: str | None = None,
    precision: str | None = None,
    threads: int | None = None,
    is_shared: bool = False,
    calibration: Calibration | None = None,
) -> ModelScorer:
    """A ready model from a local folder. No network, no code of the model's own; raises ModelFolderError.

    `is_shared`: several threads will want it at once, and may have as many lanes as it has threads.
    `calibration`: instead of the folder's own, which is then not read.
    """
    manifest = read_manifest(folder)
    try:
        calibration = calibration or Calibration.load(folder)
    except (CalibrationError, UnicodeDecodeError) as error:
        raise ModelFolderError(f"{folder / CALIBRATION_FILE}: {error}") from error
    threads = threads or available_threads()
    request = LoadRequest(
        folder=folder,
        manifest=manifest,
        head=read_head(folder),
        threads=threads,
        precision=precision or wished_precision(),
        lanes=threads if is_shared else 1,
    )
    scorer = ModelScorer(
        manifest=manifest,
        head=request.head,
        encoder=load_encoder(folder, request.head.maximum_tokens),
        backend=open_backend(backend or choose_backend(folder), request),
        calibration=calibration,
    )
    logger.info("model %s %s ready: %s", manifest.name, manifest.version, scorer.backend)
    return scorer


@dataclass(frozen=True, slots=True)
class EncodedSegment:
    segment: SegmentInput
    tokens: Tokens
    padded_length: int


class ModelScorer:
    """Scores segments; safe to call from several threads, which take turns where lanes are fewer."""

    def __init__(
        self,
        *,
        manifest: Manifest,
        head: Head,
        encoder: Encoder,
        backend: Backend,
        calibration: Calibration,
    ) -> None:
        self.manifest = manifest
        self.calibration = calibration
        self._head = head
        self._encoder = encoder
        self._backend = backend
        self._lanes = threading.Semaphore(backend.info.lanes)

    @property
    def model_name(self) -> str:
        return f"{self.manifest.name} {self.manifest.version}"

    @property
    def model_digest(self) -> str:
        return self.manifest.digest

    @property
    def backend(self) -> BackendInfo:
        return self._backend.info

    def score(self, segments: Sequence[SegmentInput]) -> list[SegmentScore]:
        """One score per segment, in order, to `LOGIT_DECIMALS`. Tokens past the model's limit go unread."""
        encoded = self.encode(segments)
        scores: dict[int, SegmentScore] = {}
        lengths = [one.padded_length for one in encoded]
        for padded, numbers in planned_batches(lengths, self.backend.batch_tokens):
            batch = self.new_batch(padded, capacity=len(numbers))
            for number in numbers:
                batch.add(encoded[number].tokens.ids)
            for number, odds in zip(numbers, self.log_odds(batch), strict=True):
                scores[number] = self.segment_score(encoded[number], odds)
        return [scores[number] for number in range(len(segments))]

    def encode(self, segments: Sequence[SegmentInput]) -> list[EncodedSegment]:
        with ENGINE_SECONDS.labels("tokenise").time():
            tokens = self._encoder.encode([segment.text for segment in segments])
        return [
            EncodedSegment(segment, of_segment, self._padded_length(len(of_segment.ids)))
            for segment, of_segment in zip(segments, tokens, strict=True)
        ]

    def new_batch(self, padded: int, *, capacity: int) -> BatchInput:
        return BatchInput(padded=padded, capacity=capacity, pad_token_id=self._head.pad_token_id)

    def log_odds(self, batch: BatchInput) -> Floats:
        """(rows, tokens) log-odds, or (rows,) where the model judges the whole."""
        BATCH_FILL_RATIO.observe(batch.real_tokens / batch.padded_tokens)
        BATCH_TOKENS.observe(batch.padded_tokens)
        with self._lanes, ENGINE_SECONDS.labels("forward").time():
            logits = self._backend.logits(batch.input_ids, batch.attention_mask)
        return self._head.ai_log_odds(logits)

    def segment_score(self, encoded: EncodedSegment, odds: Floats) -> SegmentScore:
        """What one row of `log_odds` says of the segment and of its sentences."""
        segment, tokens = encoded.segment, encoded.tokens
        if not self._head.is_per_token:
            logit = _rounded(odds)
            return SegmentScore(logit, (logit,) * len(segment.sentence_ends))
        words = odds[: len(tokens.ids)][tokens.is_word].astype(np.float64)
        logit = _rounded(words.mean()) if len(words) else 0.0
        count = len(segment.sentence_ends)
        # What stands behind the last end belongs to the last sentence.
        sentence = np.searchsorted(np.array(segment.sentence_ends[:-1]), tokens.starts, side="right")
        sums = np.bincount(sentence, weights=words, minlength=count)
        counts = np.bincount(sentence, minlength=count)
        means = zip(sums.tolist(), counts.tolist(), strict=True)
        return SegmentScore(logit, tuple(_rounded(total / n) if n else logit for total, n in means))

    def _padded_length(self, length: int) -> int:
        return padded_length(length, self._head.maximum_tokens)


def _rounded(value: float | np.floating | Floats) -> float:
    return round(float(value), LOGIT_DECIMALS)
