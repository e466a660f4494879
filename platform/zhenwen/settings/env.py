"""Read typed settings from the environment. A secret NAME may come from the file that NAME_FILE points to."""

from __future__ import annotations

import os
from pathlib import Path


class SettingsError(Exception):
    """A setting is missing or cannot be understood; the message names it."""


def env_text(name: str, default: str | None = None) -> str:
    """Raises SettingsError when neither NAME nor NAME_FILE is set and there is no default."""
    file_name = os.environ.get(f"{name}_FILE")
    if file_name:
        return Path(file_name).read_text(encoding="utf-8").strip()
    text = os.environ.get(name, default)
    if text is None:
        raise SettingsError(f"{name} is not set")
    return text


def env_bool(name: str, *, default: bool) -> bool:
    text = os.environ.get(name)
    if text is None or text == "":
        return default
    if text not in ("True", "False"):
        raise SettingsError(f"{name} must be True or False, not {text!r}")
    return text == "True"


def env_int(name: str, default: int) -> int:
    text = os.environ.get(name)
    if text is None or text == "":
        return default
    try:
        return int(text)
    except ValueError:
        raise SettingsError(f"{name} must be a whole number, not {text!r}") from None


def env_list(name: str, default: str = "") -> list[str]:
    return [item.strip() for item in os.environ.get(name, default).split(",") if item.strip()]
