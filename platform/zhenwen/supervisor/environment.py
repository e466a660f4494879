"""The virtual environment: made once, repaired when half-finished, left alone when nothing changed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from zhenwen.supervisor.console import StartError, say
from zhenwen.supervisor.places import ROOT, VENV, VENV_PYTHON, no_space, require_free_space
from zhenwen.supervisor.processes import all_pids, command_line, dies_with_parent, send

SERVER = "requirements/server.txt"
TORCH = "requirements/torch.txt"
DEV = "requirements/dev.txt"
MARKER = VENV / "installed.json"
INSTALL_LOG = VENV / "install.log"
SIZE_BYTES = {SERVER: 900 * 2**20, TORCH: 8_000 * 2**20, DEV: 3_000 * 2**20}


def ensure_environment(requirements: Sequence[str]) -> None:
    """Make .venv hold these requirement files. Raises StartError with the reason when it cannot."""
    with _only_one_install():
        wanted = {name: requirement_digest(ROOT / name) for name in requirements}
        installed = _installed()
        missing = [name for name in requirements if installed.get(name) != wanted[name]]
        if not missing:
            return
        if installed:
            say("依赖有变化，正在更新 …", "Requirements changed; updating …")
        else:
            say("首次启动：正在安装依赖 …", "First start: installing the requirements …")
        for name in missing:
            require_free_space(ROOT, size_bytes=0 if installed else SIZE_BYTES[name])
        _create_or_repair()
        _pip_install(missing)
        _write_marker({**installed, **wanted})


def requirement_digest(path: Path) -> str:
    """Of the file and of those it names with -r, comments aside."""
    digest = hashlib.sha256()
    for line in _requirement_lines(path):
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def nvidia_gpu_seen() -> bool:
    command = shutil.which("nvidia-smi")
    if command is None:
        return False
    result = subprocess.run([command, "-L"], capture_output=True, text=True, check=False)
    return result.returncode == 0 and "GPU" in result.stdout


def _requirement_lines(path: Path) -> Iterator[str]:
    for raw in path.read_text(encoding="utf-8").splitlines():
        line = raw.partition("#")[0].strip()
        if line.startswith("-r "):
            yield from _requirement_lines(path.parent / line[3:].strip())
        elif line:
            yield line


def _installed() -> dict[str, str]:
    try:
        marker = json.loads(MARKER.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(digest) for name, digest in marker.items()} if _works(VENV_PYTHON) else {}


def _write_marker(installed: dict[str, str]) -> None:
    partial = MARKER.with_suffix(".partial")
    partial.write_text(json.dumps(installed, indent=1), encoding="utf-8")
    partial.replace(MARKER)


def _works(python: Path) -> bool:
    try:
        return subprocess.run([python, "-c", "import pip"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _create_or_repair() -> None:
    _end_orphans()
    if _works(VENV_PYTHON):
        return
    if VENV.exists():
        say("上次安装未完成，重新创建 .venv …", "The last installation was cut short; making .venv again …")
        _remove_venv()
    result = subprocess.run(
        [sys.executable, "-m", "venv", VENV],
        capture_output=True,
        text=True,
        preexec_fn=dies_with_parent(signal.SIGKILL),
        check=False,
    )
    if result.returncode == 0:
        return
    if "No space left" in result.stdout + result.stderr:
        raise no_space(VENV)
    if "ensurepip" in result.stdout + result.stderr:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise StartError(
            f"Python 缺少 venv 模块，请先安装（Debian/Ubuntu：apt install python{version}-venv）。",
            f"This Python lacks the venv module; install it first (apt install python{version}-venv).",
        )
    raise StartError(
        f"无法创建 {VENV}。", f"Cannot create {VENV}: {_last_line(result.stderr or result.stdout)}"
    )


def _end_orphans() -> None:
    """Installers that outlived a killed start would write into what we are about to make."""
    for pid in all_pids():
        command = command_line(pid)
        if command.startswith(f"{VENV}/bin/python") and re.search(
            r"ensurepip|-m pip |/pip-[\d.]+-py3", command
        ):
            send(pid, signal.SIGKILL)


def _remove_venv() -> None:
    """Raises StartError where it is another user's."""
    try:
        shutil.rmtree(VENV)
    except PermissionError:
        raise StartError(
            f"{VENV} 属于另一个用户且无法使用；请以该用户运行，或先删除它。",
            f"{VENV} belongs to another user and cannot be used; run as that user, or delete it first.",
        ) from None


def _pip_install(names: Sequence[str]) -> None:
    command: list[str | Path] = [
        VENV_PYTHON,
        "-m",
        "pip",
        "install",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar=off",
    ]
    for name in names:
        command += ["-r", ROOT / name]
    # Its own session, so that Ctrl-C reaches us alone and we end it in order.
    with (
        INSTALL_LOG.open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGKILL),
        ) as pip,
    ):
        assert pip.stdout is not None
        try:
            for line in pip.stdout:
                log.write(line)
                _show_progress(line)
        except BaseException:
            pip.terminate()
            raise
    if pip.returncode != 0:
        raise _pip_failure(INSTALL_LOG.read_text(encoding="utf-8"))


def _show_progress(line: str) -> None:
    text = line.strip()
    if text.startswith("Downloading"):
        say("  ↓ " + re.sub(r"^Downloading (?:\S*/)?", "", text))
    elif text.startswith("Installing collected packages"):
        say(f"  正在安装 {text.count(',') + 1} 个包 …", "installing …")


def _pip_failure(log: str) -> StartError:
    if "No space left" in log:
        return no_space(VENV)
    errors = [line for line in log.splitlines() if line.startswith("ERROR")]
    reason = errors[0] if errors else _last_line(log)
    if "NewConnectionError" in log or "ConnectTimeout" in log or "Temporary failure in name" in log:
        return StartError(
            f"下载依赖时无法连接网络，请检查网络或 pip 配置（详见 {INSTALL_LOG}）。",
            f"No connection while downloading; check the network or pip's settings ({INSTALL_LOG}).",
        )
    return StartError(
        f"安装依赖失败，重新运行即可从断点继续（详见 {INSTALL_LOG}）。",
        f"Installing the requirements failed: {reason} (see {INSTALL_LOG}; run again to go on).",
    )


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "?"


@contextmanager
def _only_one_install() -> Iterator[None]:
    folder = os.open(ROOT / "requirements", os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("另一个进程正在安装依赖，等待 …", "Another process is installing; waiting …")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
