"""A virtual environment for each peer, since their pins and ours do not agree. torch is the product's own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks.places import LOGS, VENVS, say

INSTALLS_WITHIN_SECONDS = 600
PACKAGES = {
    "fastapi": ("fastapi==0.165.0", "uvicorn[standard]==0.54.0"),
    "infinity": ("infinity-emb[torch,server]==0.0.78",),
    "litserve": ("litserve==0.2.19",),
}


class PeerUnavailable(Exception):
    """The peer cannot be installed or does not run here; the message says why."""


def python_of(peer: str) -> Path:
    """The interpreter of the peer's environment, which is made if need be. Raises PeerUnavailable."""
    if find_spec("torch") is None:
        raise PeerUnavailable("torch is not installed: pip install -r requirements/torch.txt")
    folder = VENVS / peer
    python, marker = folder / "bin" / "python", folder / "installed.json"
    wanted = [*PACKAGES[peer], f"torch=={_torch_version()}"]
    if marker.exists() and json.loads(marker.read_text("utf-8")) == wanted:
        return python
    say(f"  installing {', '.join(PACKAGES[peer])}")
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True, symlinks=True)
    _show_packages_of_the_product(folder)
    _install(peer, python, wanted)
    marker.write_text(json.dumps(wanted), "utf-8")
    return python


def _show_packages_of_the_product(folder: Path) -> None:
    """Behind the peer's own: what it does not bring, foremost torch, is what the product runs on."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site_packages = folder / "lib" / version / "site-packages"
    (site_packages / "zz_product.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")


def _install(peer: str, python: Path, wanted: Sequence[str]) -> None:
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"install-{peer}.log"
    command = [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    with log.open("w", encoding="utf-8") as stream:
        result = subprocess.run(
            [*command, "--progress-bar=off", *wanted],
            stdout=stream,
            stderr=subprocess.STDOUT,
            timeout=INSTALLS_WITHIN_SECONDS,
            check=False,
        )
    if result.returncode != 0:
        errors = [line for line in log.read_text("utf-8").splitlines() if line.startswith("ERROR")]
        raise PeerUnavailable(f"pip could not install it: {errors[0] if errors else f'see {log}'}")


def _torch_version() -> str:
    from importlib.metadata import version

    return version("torch").partition("+")[0]
