"""Tiny packages of every registry, laid where fetched ones lie."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path


def wheel(path: Path, files: Mapping[str, str]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)


def npm_archive(path: Path, files: Mapping[str, str]) -> None:
    path.write_bytes(_tar({f"package/{name}": text for name, text in files.items()}, "gz"))


def debian_package(path: Path, files: Mapping[str, str]) -> None:
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": _tar({"./control": "Package: x\n"}, "xz"),
        "data.tar.xz": _tar({f"./{name}": text for name, text in files.items()}, "xz"),
    }
    content = b"!<arch>\n"
    for name, data in members.items():
        content += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
        content += data + b"\n" * (len(data) % 2)
    path.write_bytes(content)


def _tar(files: Mapping[str, str], compression: str) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=f"w:{compression}") as archive:  # type: ignore[call-overload]
        for name, text in files.items():
            data = gzip.compress(text.encode()) if name.endswith(".gz") else text.encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return target.getvalue()
