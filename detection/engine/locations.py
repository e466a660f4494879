"""Where models lie."""

from __future__ import annotations

import os
from pathlib import Path

SHIPPED_MODEL = "zhenwen-small"


def default_model_folder() -> Path:
    """The folder named by ZHENWEN_MODEL_DIR, else the model that comes with the product."""
    override = os.environ.get("ZHENWEN_MODEL_DIR")
    return Path(override) if override else Path(__file__).parents[2] / "weights" / SHIPPED_MODEL


def conversion_cache() -> Path:
    """Where models converted for this machine are kept."""
    override = os.environ.get("ZHENWEN_CACHE_DIR")
    return Path(override) if override else Path.home() / ".cache" / "zhenwen" / "models"
