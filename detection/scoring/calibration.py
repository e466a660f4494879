"""What turns log-odds into an honest statement: per length, and from human texts.

`calibration.json` of a model folder:

    version            3
    description        which texts it was fitted on, in a sentence
    languages          what the model was fitted for, e.g. ["zh"]; other languages end as inconclusive
    least_characters   shorter texts end as inconclusive
    bands              one per length, ascending; `legal_bands` the same for legal texts (none: the same):
        from_characters, to_characters   inclusive, exclusive (null: no end)
        human_texts, ai_texts            how many it was fitted on
        slope, intercept                 evidence -> calibrated log-odds at even odds; of a genre all the same
        human_at_most                    evidence up to which a text is human (null: none is)
        runs                             one per length of run that counts beside the mean: `run_characters`,
                                         `offset`, `tail_scale`, `reference_characters`, see RunDiscount
        thresholds                       one per `tolerated_fpr`: `logit` (evidence above it accuses; null:
                                         never), `texts`, `accused`, `fpr_upper_bound`
    sentences          slope, intercept, ai_at_least, human_at_most (probabilities)
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from detection.scoring.evidence import Evidence, Run
from detection.scoring.genre import Genre
from detection.scoring.statistics import Platt, sigmoid

VERSION = 3
LEAST_CHARACTERS = 60
BAND_EDGES = (60, 150, 300, 600, 1500, None)
TOLERATED_FPRS = (0.001, 0.005, 0.01, 0.02)
CALIBRATION_FILE = "calibration.json"


class CalibrationError(ValueError):
    """A calibration file that cannot be relied on."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Accuse above `logit`. Of `texts` human texts behind it `accused` lay above, parts of texts added up."""

    tolerated_fpr: float
    logit: float
    texts: int
    accused: int
    fpr_upper_bound: float


@dataclass(frozen=True, slots=True)
class RunDiscount:
    """The worst run of a longer text is worse by chance alone; this takes that off, per length of run.

    `tail_scale` is the mean excess of human runs over their 95 % quantile: with an exponential tail, the
    quantile of the largest of k times as many runs lies `tail_scale` * ln k higher.
    """

    run_characters: int
    offset: float
    tail_scale: float
    reference_characters: float

    def at(self, characters: int) -> float:
        return self.offset + self.tail_scale * math.log(max(1.0, characters / self.reference_characters))


@dataclass(frozen=True, slots=True)
class Band:
    from_characters: int
    to_characters: int | None
    human_texts: int
    ai_texts: int
    platt: Platt
    human_at_most: float
    thresholds: tuple[Threshold, ...]
    runs: tuple[RunDiscount, ...] = ()
    genre: Genre = Genre.GENERAL

    @property
    def name(self) -> str:
        end = self.to_characters
        length = f"{self.from_characters}-{end}" if end is not None else f"{self.from_characters}+"
        return length if self.genre is Genre.GENERAL else f"{self.genre} {length}"

    def holds(self, evidence: Evidence) -> bool:
        """Whether it is evidence of a text of this genre and length."""
        end = math.inf if self.to_characters is None else self.to_characters
        return evidence.genre is self.genre and self.from_characters <= evidence.characters < end

    def log_odds(self, statistic: float) -> float:
        """Calibrated, and no surer than the texts behind it carry: after n of one kind without a single one
        like this, the next may be one with a chance of 1 in n + 2 (Laplace)."""
        log_odds = self.platt.slope * statistic + self.platt.intercept
        if not self.human_texts or not self.ai_texts:
            return log_odds
        return min(max(log_odds, -math.log(self.ai_texts + 1)), math.log(self.human_texts + 1))

    def probability(self, statistic: float) -> float:
        return sigmoid(self.log_odds(statistic))

    def accusing_probability(self, threshold: Threshold) -> float:
        """What a text must exceed to be accused; 1 where none is."""
        return self.probability(threshold.logit) if math.isfinite(threshold.logit) else 1.0

    def statistic(self, evidence: Evidence) -> float:
        """The one number that is calibrated: the mean or, where one says more, a discounted worst run."""
        return max([evidence.mean_logit, *(logit for _, logit in self._discounted(evidence))])

    def accusing_run(self, evidence: Evidence) -> Run:
        """The run that says most. Only for evidence whose statistic is not its mean."""
        return max(self._discounted(evidence), key=lambda pair: pair[1])[0]

    def _discounted(self, evidence: Evidence) -> list[tuple[Run, float]]:
        discounts = {discount.run_characters: discount for discount in self.runs}
        return [
            (run, run.logit - discounts[run.characters].at(evidence.characters))
            for run in evidence.runs
            if run.characters in discounts
        ]

    def threshold(self, tolerated_fpr: float) -> Threshold:
        """The threshold for this rate or the next stricter one; one that accuses nobody if there is none."""
        stricter = [t for t in self.thresholds if t.tolerated_fpr <= tolerated_fpr + 1e-12]
        if not stricter:
            return Threshold(tolerated_fpr, math.inf, self.human_texts, 0, 0.0)
        return max(stricter, key=lambda t: t.tolerated_fpr)


@dataclass(frozen=True, slots=True)
class SentenceCalibration:
    platt: Platt
    ai_at_least: float
    human_at_most: float


@dataclass(frozen=True)
class Calibration:
    bands: tuple[Band, ...]
    sentences: SentenceCalibration
    languages: tuple[str, ...] = ("zh",)
    least_characters: int = LEAST_CHARACTERS
    description: str = ""
    is_fitted: bool = field(default=True)
    legal_bands: tuple[Band, ...] = ()

    @property
    def all_bands(self) -> tuple[Band, ...]:
        return self.bands + self.legal_bands

    def band(self, characters: int, genre: Genre = Genre.GENERAL) -> Band:
        """The band of a length and genre; the first one for what is shorter than all."""
        bands = self.legal_bands if genre is Genre.LEGAL and self.legal_bands else self.bands
        return next((b for b in reversed(bands) if characters >= b.from_characters), bands[0])

    def is_suspicious(self, evidence: Evidence) -> bool:
        """Whether a passage would be accused if it were a text of its own: too little to accuse the whole,
        too much to call it human."""
        return any(
            run.logit > self._highest_threshold(run.characters, evidence.genre) for run in evidence.runs
        )

    def _highest_threshold(self, characters: int, genre: Genre) -> float:
        logits = [t.logit for t in self.band(characters, genre).thresholds if math.isfinite(t.logit)]
        return max(logits, default=math.inf)

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Canonical: the same calibration always gives the same bytes."""
        content: dict[str, Any] = {
            "version": VERSION,
            "description": self.description,
            "languages": list(self.languages),
            "least_characters": self.least_characters,
            "bands": [_band_content(band) for band in self.bands],
            "legal_bands": [_band_content(band) for band in self.legal_bands],
            "sentences": {
                **asdict(self.sentences.platt),
                "ai_at_least": self.sentences.ai_at_least,
                "human_at_most": self.sentences.human_at_most,
            },
        }
        return json.dumps(content, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        try:
            content = json.loads(text)
            if content["version"] != VERSION:
                raise CalibrationError(
                    f"calibration version {content['version']} is not {VERSION}: calibrate the model again"
                )
            sentences = content["sentences"]
            calibration = cls(
                bands=tuple(_band(band, Genre.GENERAL) for band in content["bands"]),
                legal_bands=tuple(_band(band, Genre.LEGAL) for band in content["legal_bands"]),
                sentences=SentenceCalibration(
                    Platt(sentences["slope"], sentences["intercept"]),
                    sentences["ai_at_least"],
                    sentences["human_at_most"],
                ),
                languages=tuple(content["languages"]),
                least_characters=content["least_characters"],
                description=content["description"],
            )
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise CalibrationError(f"not a calibration: {error!r}") from error
        calibration.check()
        return calibration

    @classmethod
    def load(cls, model_folder: Path) -> Calibration:
        """The calibration of a model folder; for a folder without one, one that never gives a verdict."""
        path = model_folder / CALIBRATION_FILE
        return cls.from_json(path.read_text("utf-8")) if path.exists() else uncalibrated()

    def check(self) -> None:
        """Raise CalibrationError where the numbers contradict each other."""
        for bands in (self.bands, self.legal_bands):
            starts = [band.from_characters for band in bands]
            if starts != sorted(set(starts)):
                raise CalibrationError("the bands are not in order")
        if not self.bands:
            raise CalibrationError("there are no bands")
        for band in self.all_bands:
            if band.platt.slope <= 0:
                raise CalibrationError(f"band {band.name}: the slope must be positive")
            if any(threshold.logit < band.human_at_most for threshold in band.thresholds):
                raise CalibrationError(f"band {band.name}: a text could be both human and accused")
        if self.sentences.human_at_most > self.sentences.ai_at_least:
            raise CalibrationError("a sentence could be both human and AI")


def uncalibrated() -> Calibration:
    """For a model nobody has calibrated: plain probabilities, and no verdict."""
    band = Band(LEAST_CHARACTERS, None, 0, 0, Platt(1.0, 0.0), -math.inf, ())
    sentences = SentenceCalibration(Platt(1.0, 0.0), 1.0, 0.0)
    return Calibration((band,), sentences, languages=("zh", "en"), is_fitted=False)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _band_content(band: Band) -> dict[str, Any]:
    return {
        "from_characters": band.from_characters,
        "to_characters": band.to_characters,
        "human_texts": band.human_texts,
        "ai_texts": band.ai_texts,
        "slope": band.platt.slope,
        "intercept": band.platt.intercept,
        "human_at_most": _finite(band.human_at_most),
        "runs": [asdict(run) for run in band.runs],
        "thresholds": [{**asdict(t), "logit": _finite(t.logit)} for t in band.thresholds],
    }


def _band(content: Mapping[str, Any], genre: Genre) -> Band:
    return Band(
        from_characters=content["from_characters"],
        to_characters=content["to_characters"],
        human_texts=content["human_texts"],
        ai_texts=content["ai_texts"],
        platt=Platt(content["slope"], content["intercept"]),
        human_at_most=-math.inf if content["human_at_most"] is None else content["human_at_most"],
        runs=tuple(RunDiscount(**run) for run in content["runs"]),
        thresholds=tuple(
            Threshold(**{**t, "logit": math.inf if t["logit"] is None else t["logit"]})
            for t in content["thresholds"]
        ),
        genre=genre,
    )
