"""A few texts with the scores they must get: a model goes to work only on a machine where it gets them.

`golden.json`: {"tolerance": log-odds, "segments": [{"text", "logit"}]}.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from detection.engine.manifest import GOLDEN_FILE, ModelFolderError
from detection.scoring.types import Scorer, SegmentInput

# Half precision against single precision, over all backends.
TOLERANCE_LOG_ODDS = 0.25


def write_golden(folder: Path, *, scorer: Scorer, texts: Sequence[str]) -> None:
    """Record what `scorer` makes of normalised texts of at most one segment each."""
    scores = scorer.score([SegmentInput(text, (len(text),)) for text in texts])
    segments = [{"text": text, "logit": score.logit} for text, score in zip(texts, scores, strict=True)]
    content = {"tolerance": TOLERANCE_LOG_ODDS, "segments": segments}
    (folder / GOLDEN_FILE).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")


def check_golden(folder: Path, *, scorer: Scorer) -> float:
    """The largest deviation in log-odds; raises ModelFolderError if over the tolerance. 0 without a set."""
    tolerance, worst = _compared(folder, scorer)
    if not worst <= tolerance:  # so that a NaN stops it too
        raise ModelFolderError(f"{folder / GOLDEN_FILE}: a score is {worst:.3f} off, more than {tolerance}")
    return worst


def golden_deviation(folder: Path, *, scorer: Scorer) -> float:
    """The largest deviation in log-odds, whatever is tolerated."""
    return _compared(folder, scorer)[1]


def _compared(folder: Path, scorer: Scorer) -> tuple[float, float]:
    """(tolerance, largest deviation)"""
    path = folder / GOLDEN_FILE
    if not path.exists():
        return 0.0, 0.0
    try:
        content = json.loads(path.read_text("utf-8"))
        expected = {str(segment["text"]): float(segment["logit"]) for segment in content["segments"]}
        tolerance = float(content["tolerance"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFolderError(f"{path}: not a golden set ({error!r})") from error
    scores = scorer.score([SegmentInput(text, (len(text),)) for text in expected])
    deviations = [abs(s.logit - logit) for s, logit in zip(scores, expected.values(), strict=True)]
    return tolerance, float(np.max(deviations, initial=0.0))
