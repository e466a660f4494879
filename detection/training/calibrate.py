"""Fitting the calibration of a model folder on texts it has not been trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from detection.engine import load_model_folder
from detection.scoring.calibration import BAND_EDGES, Band, Calibration, Threshold, uncalibrated
from detection.scoring.evidence import Evidence
from detection.scoring.fitting import Sample, fit_calibration, threshold_at, weighted
from detection.scoring.genre import Genre
from detection.scoring.statistics import ROUNDING, Weighted
from detection.scoring.types import Scorer
from detection.training.configuration import CalibrationPlan, Configuration
from detection.training.documents import Document, chains, crops, windows
from detection.training.errors import PipelineError
from detection.training.export import set_calibration
from detection.training.scores import RememberingScorer, prepared_texts, weighed
from detection.training.texts import (
    AI,
    HUMAN,
    TRAINING_FILE,
    CorpusText,
    calibrates,
    development_texts,
    is_held_out,
    read_texts,
)

DESCRIPTION = (
    "Human documents: a twentieth of the training documents, those of packages among them, never trained on, "
    "and half of the development corpora (theses, translations, technical books, law, newspaper among them); "
    "AI documents: half of the development corpus. Cropped and joined to every length; what comes from one "
    "text counts as one. A threshold is at least the conformal quantile of all human documents together; the "
    "estimated share of each kind of writing and of each source above it is at most what is tolerated."
)


# How much all human texts count in the estimate of one group, in texts that may be accused: 50 texts at 1 %.
# Not among legal texts: there are few, and statutes, which are easily told, would hide court cases.
PRIOR_WEIGHTS = {Genre.GENERAL: 0.5, Genre.LEGAL: 0.0}


@dataclass(frozen=True, slots=True)
class ScoredDocument:
    document: Document
    evidence: Evidence

    @property
    def sample(self) -> Sample:
        return Sample(self.evidence, self.document.label == AI, self.document.text_digest)


def calibrate(
    *, folder: Path, data: Path, packages: Path, cache: Path, configuration: Configuration
) -> Calibration:
    """Fit the calibration of a model folder and write it there. Scores are kept in `cache`.

    `packages`: texts of packages that training read too, if the file is there. Raises PipelineError where it
    is not and the model ships: its thresholds would be fitted on fewer texts than what is said of them.
    """
    if configuration.model.is_shipped and not packages.exists():
        raise PipelineError(f"{packages} is missing: run `packages` first")
    # Not by the calibration that it replaces, which may be of an older version.
    scorer = RememberingScorer(load_model_folder(folder, calibration=uncalibrated()), cache)
    documents = scored_documents(data, packages, scorer, configuration)
    calibration = fit(documents, languages=configuration.model.languages)
    set_calibration(folder, calibration)
    return calibration


def scored_documents(
    data: Path, packages: Path, scorer: Scorer, configuration: Configuration
) -> list[ScoredDocument]:
    """Documents for calibration from corpora and packages, of every length and kind of writing, scored."""
    texts = calibration_texts(data) + (_held_out(packages) if packages.exists() else [])
    return scored(
        documents_of(texts, configuration.calibration), scorer, languages=configuration.model.languages
    )


def calibration_texts(data: Path) -> list[CorpusText]:
    development = [
        text
        for name in ("dev", "dev_fpr")
        for text in development_texts(data, name)
        if calibrates(name, text)
    ]
    return _held_out(data / TRAINING_FILE) + development


def _held_out(path: Path) -> list[CorpusText]:
    return [text for text in read_texts(path) if is_held_out(text.label, text.pair, text.text)]


def documents_of(texts: Sequence[CorpusText], plan: CalibrationPlan) -> list[Document]:
    long = [part for chain in chains(texts) for part in windows(chain)]
    return crops(texts, count=plan.passages, seed=plan.seed) + long


def scored(
    documents: Sequence[Document], scorer: Scorer, *, languages: tuple[str, ...]
) -> list[ScoredDocument]:
    """The documents that can have a verdict, each once, with their evidence."""
    unique = list({(document.text, document.label): document for document in documents}.values())
    least = BAND_EDGES[0] or 0
    fit = [
        (document, prepared)
        for document, prepared in zip(unique, prepared_texts([d.text for d in unique]), strict=True)
        if prepared.language in languages and prepared.characters >= least
    ]
    evidence = weighed([prepared for _, prepared in fit], scorer)
    return [ScoredDocument(document, e) for (document, _), e in zip(fit, evidence, strict=True)]


def fit(documents: Sequence[ScoredDocument], *, languages: tuple[str, ...]) -> Calibration:
    """A calibration whose thresholds look at every kind of human writing, not only at all together."""
    calibration = fit_calibration(
        samples=[document.sample for document in documents], languages=languages, description=DESCRIPTION
    )
    human = [document for document in documents if document.document.label == HUMAN]
    protected = replace(
        calibration,
        bands=tuple(_protected(band, human) for band in calibration.bands),
        legal_bands=tuple(_protected(band, human) for band in calibration.legal_bands),
    )
    protected.check()
    return protected


def _protected(band: Band, human: Sequence[ScoredDocument]) -> Band:
    """The band with thresholds that look at each kind of writing and each source, not only at all."""
    inside = [document for document in human if band.holds(document.evidence)]
    statistics = weighted([d.sample for d in inside], [band.statistic(d.evidence) for d in inside])
    kinds = np.array([d.document.kind for d in inside])
    sources = np.array([d.document.source for d in inside])
    groups = [statistics.only(names == name) for names in (kinds, sources) for name in np.unique(names)]
    thresholds: list[Threshold] = []
    floor = -math.inf
    for threshold in sorted(band.thresholds, key=lambda t: -t.tolerated_fpr):
        rate = threshold.tolerated_fpr
        tolerable = tolerable_for_each(statistics, groups, rate, PRIOR_WEIGHTS[band.genre] / rate)
        floor = max(floor, threshold.logit, tolerable)
        thresholds.append(threshold_at(floor, rate=rate, human=statistics))
    return replace(band, thresholds=tuple(reversed(thresholds)))


def tolerable_for_each(human: Weighted, groups: Sequence[Weighted], rate: float, prior_texts: float) -> float:
    """The lowest value above which the estimated share of every group is at most `rate`.

    Empirical Bayes: a share is estimated as if `prior_texts` that behave like all stood beside the group's
    own. Of n texts up to n * rate + prior_texts * (rate - share of all) may lie above; with none, only
    n * rate, and the odd text of a group smaller than 1 / rate decides for everybody. What a lower threshold
    finds more is paid by small groups that do not behave like all: see docs/training.md.
    """
    candidates = np.sort(human.values)
    share = (human.texts_above(candidates) + 1) / (human.texts + 1)
    is_tolerable = np.ones(len(candidates), dtype=np.bool_)
    for group in groups:
        above = group.texts_above(candidates) + prior_texts * share
        is_tolerable &= above <= rate * (group.texts + prior_texts) + ROUNDING
    return float(candidates[is_tolerable][0]) if is_tolerable.any() else math.inf
