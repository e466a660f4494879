"""PostgreSQL refuses to run as root: find or make a user for it, and folders that user can reach."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from zhenwen.supervisor.console import StartError
from zhenwen.supervisor.service import UnixUser

USER_NAME = "zhenwen"
SHARED_STATE = Path("/var/lib/zhenwen")  # used only when root starts the site from a folder closed to others


def server_user() -> UnixUser | None:
    """None unless we are root. Raises StartError when root has nobody to hand over to."""
    if os.geteuid() != 0:
        return None
    user = _look_up(USER_NAME)
    if user is None and (useradd := shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin")):
        command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", USER_NAME]
        subprocess.run(command, capture_output=True, check=False)
        user = _look_up(USER_NAME)
    user = user or _look_up("nobody")
    if user is None or not can_run(user, ["/bin/sh", "-c", ":"], cwd=Path("/"), environment={}):
        raise StartError(
            "PostgreSQL 不能以 root 运行，且无法切换到其他用户；请以普通用户运行，或设置 DATABASE_URL。",
            "PostgreSQL does not run as root, and no other user can be used; run as another user"
            " or set DATABASE_URL.",
        )
    return user


def reachable(folder: Path, user: UnixUser) -> bool:
    """May the user read and enter this existing folder and pass through all above it?"""
    readable = stat.S_IROTH | stat.S_IXOTH
    if not _allows(folder.stat(), user, readable):
        return False
    return all(_allows(parent.stat(), user, stat.S_IXOTH) for parent in folder.resolve().parents)


def _allows(status: os.stat_result, user: UnixUser, wanted: int) -> bool:
    shift = 6 if status.st_uid == user.uid else 3 if status.st_gid == user.gid else 0
    return (status.st_mode >> shift) & wanted == wanted


def can_run(
    user: UnixUser, program: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str]
) -> bool:
    """Does the program end well when this user runs it here?"""
    try:
        result = subprocess.run(
            [str(part) for part in program],
            user=user.uid,
            group=user.gid,
            extra_groups=[],
            cwd=cwd,
            env=dict(environment),
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return result.returncode == 0


def hand_over(folder: Path, user: UnixUser | None) -> None:
    """Make a folder private to the user (or to us)."""
    folder.chmod(0o700)
    if user is not None:
        os.chown(folder, user.uid, user.gid)


def shared_folder(kind: str) -> Path:
    """A new folder that any user may pass through to, for what cannot lie in the data folder."""
    SHARED_STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder = SHARED_STATE / f"{kind}-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o755)
    return folder


def _look_up(name: str) -> UnixUser | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return UnixUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
