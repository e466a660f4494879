"""One file per model decides what it becomes."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from detection.training.errors import PipelineError
from detection.training.texts import AREAS, FAMILIES

SHIPPED = Path(__file__).parent / "configs" / "zhenwen-small.toml"


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """`encoder` is what training begins with; `is_shipped`: it comes with the product, within its limit."""

    name: str
    version: str
    description: str
    languages: tuple[str, ...]
    encoder: str
    is_shipped: bool


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    seed: int
    learning_rate: float
    weight_decay: float
    dropout: float
    label_smoothing: float
    batch_tokens: int
    warmup_share: float
    token_budget: int
    minutes: float
    checkpoint_minutes: float
    average_decay: float
    human_share: float
    spliced_share: float
    source_cap: int
    source_power: float
    kind_power: float
    token_loss: float
    teacher_share: float
    doubt_weight: float


@dataclass(frozen=True, slots=True)
class MiningPlan:
    """How much of which texts a model reads to say where it is in doubt."""

    seed: int
    texts_per_origin: int
    tokens: int
    batch_texts: int


@dataclass(frozen=True, slots=True)
class CalibrationPlan:
    """How many passages of each short length are cut out of each text."""

    seed: int
    passages: int


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """What to measure on beside all texts of the development corpora; longer texts are cut."""

    seed: int
    dev_texts_per_source: int
    long_text_characters: int
    splices: int
    papers: int


@dataclass(frozen=True, slots=True)
class LeaveOutPlan:
    """`runs`: name -> families of generators and areas that this run leaves out together."""

    seed: int
    learning_rate: float
    batch_tokens: int
    token_budget: int
    texts_per_class: int
    least_characters: int
    long_text_characters: int
    runs: Mapping[str, Mapping[str, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Configuration:
    model: ModelIdentity
    training: TrainingPlan
    mining: MiningPlan
    calibration: CalibrationPlan
    evaluation: EvaluationPlan
    leave_out: LeaveOutPlan


_TABLES: Mapping[str, type[Any]] = {
    "model": ModelIdentity,
    "training": TrainingPlan,
    "mining": MiningPlan,
    "calibration": CalibrationPlan,
    "evaluation": EvaluationPlan,
    "leave_out": LeaveOutPlan,
}


_LEFT_OUT: Mapping[str, Sequence[str]] = {"families": FAMILIES, "areas": AREAS}


def read_configuration(path: Path = SHIPPED) -> Configuration:
    """Raises PipelineError where there is no such file, it is no TOML, or a setting is missing or unknown."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise PipelineError(f"{path}: no such configuration") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PipelineError(f"{path}: {error}") from error
    _check(content, _TABLES, f"{path}")
    for name, kind in _TABLES.items():
        _check(content[name], [field.name for field in fields(kind)], f"{path}: [{name}]")
    _check_runs(content["leave_out"]["runs"], f"{path}: [leave_out.runs")
    if not isinstance(content["model"]["languages"], list):
        raise PipelineError(f"{path}: languages of [model] is no list")
    content["model"]["languages"] = tuple(content["model"]["languages"])
    return Configuration(**{name: kind(**content[name]) for name, kind in _TABLES.items()})


def _check_runs(runs: Any, where: str) -> None:
    """A run that leaves out what does not exist would train for hours with nothing left out."""
    if not isinstance(runs, dict):
        raise PipelineError(f"{where}] is no table")
    for run_name, run in runs.items():
        _check(run, _LEFT_OUT, f"{where}.{run_name}]")
        for kind, names in _LEFT_OUT.items():
            if unknown := [given for given in run[kind] if given not in names]:
                given_names = f"{', '.join(unknown)}; there are {', '.join(names)}"
                raise PipelineError(f"{where}.{run_name}] leaves out {given_names}")


def _check(table: Any, names: Iterable[str], where: str) -> None:
    """That it is a table of these settings, each and no other."""
    if not isinstance(table, dict):
        raise PipelineError(f"{where} is no table")
    wanted = set(names)
    if missing := sorted(wanted - table.keys()):
        raise PipelineError(f"{where} lacks {', '.join(missing)}")
    if unknown := sorted(table.keys() - wanted):
        raise PipelineError(f"{where} has {', '.join(unknown)}, which is no setting")
