"""Secrets made once and kept in one file that only its owner may read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

MADE_HERE = ("DJANGO_SECRET_KEY", "API_KEY_PEPPERS", "POSTGRES_PASSWORD", "VALKEY_PASSWORD")


def ensure_secrets(path: Path) -> tuple[dict[str, str], set[str]]:
    """The secrets by name, and the names of those made just now (all on the first start, lost ones later)."""
    kept = read_secrets(path)
    made = {name: secrets.token_urlsafe(48) for name in MADE_HERE if not kept.get(name)}
    if made:
        _write(path, {**kept, **made})
    return {**kept, **made}, set(made)


def read_secrets(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _write(path: Path, values: dict[str, str]) -> None:
    write_private(path, "".join(f"{name}={value}\n" for name, value in values.items()))


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, readable by the owner only."""
    partial = path.with_name(path.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
