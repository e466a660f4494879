"""Loading a model folder and scoring segments with it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Encoding, Tokenizer

from detection.engine.backends import (
    Backend,
    BackendInfo,
    LoadRequest,
    available_threads,
    choose_backend,
    open_backend,
)
from detection.engine.batches import planned_batches
from detection.engine.head import Floats, Head, read_head
from detection.engine.manifest import TOKENIZER_FILE, Manifest, ModelFolderError, read_manifest
from detection.scoring.calibration import CALIBRATION_FILE, Calibration, CalibrationError
from detection.scoring.types import SegmentInput, SegmentScore
from zhenwen.observability.metrics import BATCH_FILL_RATIO

logger = logging.getLogger(__name__)

# Half precision moves the third decimal with the size of the batch; finer differences mean nothing.
LOGIT_DECIMALS = 3


def load_model_folder(folder: Path, *, backend: str | None = None, threads: int | None = None) -> ModelScorer:
    """A ready model from a local folder. No network, no code of the model's own; raises ModelFolderError."""
    manifest = read_manifest(folder)
    try:
        calibration = Calibration.load(folder)
    except (CalibrationError, UnicodeDecodeError) as error:
        raise ModelFolderError(f"{folder / CALIBRATION_FILE}: {error}") from error
    request = LoadRequest(folder, manifest, read_head(folder), threads or available_threads())
    scorer = ModelScorer(
        manifest=manifest,
        head=request.head,
        tokenizer=_load_tokenizer(folder, request.head.maximum_tokens),
        backend=open_backend(backend or choose_backend(folder), request),
        calibration=calibration,
    )
    logger.info("model %s %s ready: %s", manifest.name, manifest.version, scorer.backend)
    return scorer


class ModelScorer:
    """Scores segments; safe to call from several threads, which take turns."""

    def __init__(
        self,
        *,
        manifest: Manifest,
        head: Head,
        tokenizer: Tokenizer,
        backend: Backend,
        calibration: Calibration,
    ) -> None:
        self.manifest = manifest
        self.calibration = calibration
        self._head = head
        self._tokenizer = tokenizer
        self._backend = backend
        self._lock = threading.Lock()

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
        encodings = self._tokenizer.encode_batch([segment.text for segment in segments])
        scores: list[SegmentScore | None] = [None] * len(segments)
        batches = planned_batches([len(encoding.ids) for encoding in encodings], self._head.maximum_tokens)
        for padded, numbers in batches:
            chosen = [encodings[number] for number in numbers]
            BATCH_FILL_RATIO.observe(sum(len(encoding.ids) for encoding in chosen) / (padded * len(chosen)))
            odds = self._forward(chosen, padded)
            for row, number in enumerate(numbers):
                scores[number] = self._segment_score(segments[number], encodings[number], odds[row])
        return [score for score in scores if score is not None]

    def _forward(self, encodings: Sequence[Encoding], padded: int) -> Floats:
        """(batch, tokens) log-odds, or (batch,) where the model judges the whole."""
        input_ids = np.full((len(encodings), padded), self._head.pad_token_id, dtype=np.int64)
        attention_mask = np.zeros_like(input_ids)
        for row, encoding in enumerate(encodings):
            input_ids[row, : len(encoding.ids)] = encoding.ids
            attention_mask[row, : len(encoding.ids)] = 1
        with self._lock:
            logits = self._backend.logits(input_ids, attention_mask)
        return self._head.ai_log_odds(logits)

    def _segment_score(self, segment: SegmentInput, encoding: Encoding, odds: Floats) -> SegmentScore:
        if not self._head.is_per_token:
            logit = _rounded(odds)
            return SegmentScore(logit, (logit,) * len(segment.sentence_ends))
        is_word = np.array(encoding.special_tokens_mask) == 0
        words = odds[: len(is_word)][is_word].astype(np.float64)
        logit = _rounded(words.mean()) if len(words) else 0.0
        starts = np.array([start for start, _ in encoding.offsets])[is_word]
        sentence = np.searchsorted(np.array(segment.sentence_ends), starts, side="right")
        count = len(segment.sentence_ends)
        sentence = np.minimum(sentence, count - 1)
        sums = np.bincount(sentence, weights=words, minlength=count)
        tokens = np.bincount(sentence, minlength=count)
        means = zip(sums.tolist(), tokens.tolist(), strict=True)
        return SegmentScore(logit, tuple(_rounded(total / n) if n else logit for total, n in means))


def _load_tokenizer(folder: Path, maximum_tokens: int) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    except Exception as error:  # the library raises nothing more special
        raise ModelFolderError(f"{folder / TOKENIZER_FILE}: not a tokenizer ({error})") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(maximum_tokens)
    return tokenizer


def _rounded(value: float | np.floating | Floats) -> float:
    return round(float(value), LOGIT_DECIMALS)
