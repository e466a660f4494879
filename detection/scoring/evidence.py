"""What the scores of a document's segments and sentences say, before any calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detection.scoring.genre import Genre
from detection.scoring.prepare import PreparedDocument
from detection.scoring.statistics import Floats
from detection.scoring.types import SegmentScore

# Lengths of the runs that are looked for, from a paragraph to a section; each at most this much of the text.
RUN_CHARACTERS = (200, 400, 800, 1600)
MOST_OF_TEXT = 2 / 3
# A sentence is read with its neighbours: half a weight for the next, a quarter for the one after.
NEIGHBOUR_WEIGHTS = (0.25, 0.5, 1.0, 0.5, 0.25)


@dataclass(frozen=True, slots=True)
class Run:
    """The most AI-like stretch of at least this many characters, as sentence numbers, end exclusive."""

    characters: int
    logit: float
    first_sentence: int
    end_sentence: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Log-odds of AI: of the whole, of its worst runs, of each sentence with its neighbours.

    `runs`: one per length of `RUN_CHARACTERS` that is at most `MOST_OF_TEXT`; none of a short text.
    """

    characters: int
    mean_logit: float
    runs: tuple[Run, ...]
    sentence_logits: Floats
    sentence_characters: npt.NDArray[np.int64]
    genre: Genre = Genre.GENERAL


def weigh(prepared: PreparedDocument, scores: Sequence[SegmentScore]) -> Evidence:
    """Evidence of a document with at least one segment; `scores` in the order of its segments."""
    characters = np.array([sentence.characters for sentence in prepared.sentences], dtype=np.int64)
    logits = np.array([logit for score in scores for logit in score.sentence_logits], dtype=np.float64)
    if len(scores) != len(prepared.segments) or len(logits) != len(characters):
        raise ValueError("the scores are not those of this document")
    counts = np.cumsum([0, *(len(segment.sentence_ends) for segment in prepared.segments)])
    segment_characters = np.add.reduceat(characters, counts[:-1])
    segment_logits = np.array([score.logit for score in scores])
    return Evidence(
        characters=prepared.characters,
        mean_logit=_weighted_mean(segment_logits, segment_characters),
        runs=_worst_runs(logits, characters),
        sentence_logits=_smoothed(logits, characters),
        sentence_characters=characters,
        genre=prepared.genre,
    )


def _weighted_mean(logits: Floats, characters: npt.NDArray[np.int64]) -> float:
    return float((logits * characters).sum() / max(int(characters.sum()), 1))


def _worst_runs(logits: Floats, characters: npt.NDArray[np.int64]) -> tuple[Run, ...]:
    before = np.concatenate([[0], np.cumsum(characters)])
    sums = np.concatenate([[0.0], np.cumsum(logits * characters)])
    runs = []
    for length in RUN_CHARACTERS:
        if length > MOST_OF_TEXT * before[-1]:
            break
        starts = np.flatnonzero(before <= before[-1] - length)
        ends = np.searchsorted(before, before[starts] + length)
        means = (sums[ends] - sums[starts]) / (before[ends] - before[starts])
        worst = int(np.argmax(means))
        runs.append(Run(length, float(means[worst]), int(starts[worst]), int(ends[worst])))
    return tuple(runs)


def _smoothed(logits: Floats, characters: npt.NDArray[np.int64]) -> Floats:
    reach = len(NEIGHBOUR_WEIGHTS) // 2
    kernel = np.array(NEIGHBOUR_WEIGHTS)
    # At least one character each, so that a sentence of nothing but marks divides by no zero.
    weights = np.maximum(characters, 1).astype(np.float64)
    # With room for neighbours that are not there.
    rows = np.zeros((2, len(weights) + 2 * reach))
    rows[:, reach:-reach] = logits * weights, weights
    weighted, weight = (np.convolve(row, kernel, mode="valid") for row in rows)
    return weighted / weight
