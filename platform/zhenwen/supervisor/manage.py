"""`script/manage`: manage.py with the environment of the site that script/server runs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from zhenwen.supervisor.console import StartError, complain
from zhenwen.supervisor.places import ROOT, VENV_PYTHON, Places


def main(arguments: list[str]) -> int:
    places = Places(Path(os.environ.get("ZHENWEN_DATA_DIR", ROOT / "var")).resolve())
    try:
        environment = site_environment(places)
    except StartError as error:
        complain(error)
        return 1
    if arguments[:1] == ["migrate"]:
        environment["DATABASE_ROLE"] = ""  # as the owner of the tables
    command = [str(VENV_PYTHON), str(ROOT / "manage.py"), *arguments]
    os.execve(VENV_PYTHON, command, {**os.environ, **environment})  # noqa: S606


def site_environment(places: Places) -> dict[str, str]:
    """Raises StartError when script/server has not been started with this data folder."""
    try:
        environment: dict[str, str] = json.loads(places.environment.read_text(encoding="utf-8"))
    except OSError:
        raise StartError(
            f"没有在 {places.data_dir} 找到站点；请先运行 script/server（ZHENWEN_DATA_DIR 另指目录）。",
            f"No site at {places.data_dir}: run script/server first (ZHENWEN_DATA_DIR names another folder).",
        ) from None
    return environment


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
