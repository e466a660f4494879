"""The servers that script/test starts; a plain `pytest` of a test that needs them says so."""

from __future__ import annotations

import os
import shutil
from urllib.parse import urlsplit

import pytest

from zhenwen.supervisor.network import accepts

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Runs before the test database is made."""
    for name in ("DATABASE_URL", "REDIS_URL"):
        parts = urlsplit(os.environ[name])
        if not accepts(parts.hostname or "", parts.port or 0):
            pytest.exit(f"Nothing answers at {name}: run the tests with script/test.", returncode=4)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Skips the test where there is no browser."""
    for name in BROWSERS:
        path = shutil.which(name)
        if path:
            return path
    pytest.skip("No chromium on this machine: apt install chromium fonts-noto-cjk")
