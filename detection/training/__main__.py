"""The training pipeline, step by step: python -m detection.training COMMAND."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from detection.training.configuration import SHIPPED, read_configuration

DATA_VARIABLE = "ZHENWEN_DATA_DIR"
_MODEL = Path("weights") / "zhenwen-small"
_PLATFORM = Path(__file__).resolve().parents[2] / "platform"


def main() -> None:
    sys.path.insert(0, str(_PLATFORM))  # the engine counts what it does in the site's metrics
    arguments = _parser().parse_args()
    command: Callable[[argparse.Namespace], None] = arguments.run
    command(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m detection.training", description=__doc__)
    parser.add_argument("--config", type=Path, default=SHIPPED, help="configuration of the model (TOML)")
    parser.add_argument("--work", type=Path, default=Path("build/training"), help="where steps leave files")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get(DATA_VARIABLE, "data")),
        help=f"folder of the corpora (default: {DATA_VARIABLE}, else ./data)",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("base", _base, "convert the pretrained encoder and its vocabulary"),
        ("corpora", _corpora, "normalise, de-duplicate and tokenise the training corpora"),
        ("train", _train, "fine-tune; goes on from the last checkpoint"),
        ("leave-out", _leave_out, "train without some generators and areas, and measure on these"),
        ("export", _export, "make a model folder of the trained weights"),
        ("calibrate", _calibrate, "fit and write the calibration of a model folder"),
        ("quantise", _quantise, "try 8-bit integers for CPUs; writes docs/quantisation.md and .json"),
        ("evaluate", _evaluate, "measure a model folder; writes docs/evaluation.* and the model card"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(run=run)
        if run is _train:
            command.add_argument(
                "--start", type=Path, help="a model folder to go on from, instead of the encoder"
            )
        if run in (_export, _calibrate, _quantise, _evaluate):
            command.add_argument("--model", type=Path, default=_MODEL, help="the model folder")
        if run is _quantise:  # in either place
            command.add_argument("--data", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        if run is _export:
            command.add_argument("--checkpoint", type=Path, help="instead of the finished training")
        if run in (_quantise, _evaluate):
            command.add_argument("--docs", type=Path, default=Path("docs"), help="where the report goes")
        if run is _evaluate:
            command.add_argument("--card", type=Path, default=Path("MODEL_CARD.md"), help="the model card")
    return parser


def _base(arguments: argparse.Namespace) -> None:
    from detection.training.base import convert_base

    convert_base(arguments.work / "base")


def _corpora(arguments: argparse.Namespace) -> None:
    from detection.training.corpora import prepare_corpora

    prepare_corpora(data=arguments.data, tokenizer=_tokenizer(arguments), target=arguments.work / "corpora")


def _train(arguments: argparse.Namespace) -> None:
    from detection.training.corpora import read_corpora
    from detection.training.train import train

    train(
        plan=read_configuration(arguments.config).training,
        base=arguments.start or arguments.work / "base",
        texts=read_corpora(arguments.work / "corpora"),
        target=arguments.work / "run",
    )


def _leave_out(arguments: argparse.Namespace) -> None:
    from detection.training.leave_out import leave_out

    leave_out(
        data=arguments.data,
        base=arguments.work / "base",
        corpora=arguments.work / "corpora",
        target=arguments.work / "leave-out",
        configuration=read_configuration(arguments.config),
    )


def _export(arguments: argparse.Namespace) -> None:
    from detection.training.export import export_model

    model = read_configuration(arguments.config).model
    final = arguments.work / "run" / "final"
    export_model(
        base=arguments.work / "base" if arguments.checkpoint else final,
        checkpoint=arguments.checkpoint,
        tokenizer=_tokenizer(arguments),
        target=arguments.model,
        name=model.name,
        version=model.version,
        description=model.description,
    )


def _calibrate(arguments: argparse.Namespace) -> None:
    from detection.training.calibrate import calibrate

    calibrate(
        folder=arguments.model,
        data=arguments.data,
        cache=arguments.work / "scores",
        configuration=read_configuration(arguments.config),
    )


def _quantise(arguments: argparse.Namespace) -> None:
    from detection.training.quantise import as_markdown, quantise

    table = quantise(folder=arguments.model, data=arguments.data, docs=arguments.docs)
    sys.stdout.write(as_markdown(table))


def _evaluate(arguments: argparse.Namespace) -> None:
    from detection.training.evaluate import evaluate

    evaluate(
        folder=arguments.model,
        data=arguments.data,
        cache=arguments.work / "scores",
        docs=arguments.docs,
        card=arguments.card,
        leave_out=arguments.work / "leave-out" / "leave-out.json",
        configuration=read_configuration(arguments.config),
    )


def _tokenizer(arguments: argparse.Namespace) -> Path:
    return Path(arguments.work) / "base" / "tokenizer.json"


if __name__ == "__main__":
    main()
