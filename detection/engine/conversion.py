"""Models converted once for this machine, from a folder that brings no file of the kind."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from detection.engine.backends import LoadRequest
from detection.engine.locations import conversion_cache
from detection.engine.manifest import ModelFolderError

logger = logging.getLogger(__name__)

# Raise it when the same folder would be converted otherwise.
_EDITION = 3


def converted(request: LoadRequest, *, file: str, convert: Callable[[Path], object]) -> Path:
    """The converted `file`; `convert` writes it, and what belongs to it, into the folder it is given.

    Converted beside the cache and moved in whole, so that a second process never sees half of it.
    """
    folder = conversion_cache() / f"{request.manifest.digest}-{Path(file).stem}-{_EDITION}"
    if (folder / file).exists():
        return folder / file
    if not (find_spec("torch") and find_spec("transformers")):
        raise ModelFolderError(
            f"{request.folder}: no {file}; converting takes torch and transformers (requirements/torch.txt)"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        logger.info("converting %s into %s", request.manifest.name, file)
        fresh = Path(work) / "converted"
        fresh.mkdir()
        convert(fresh)
        try:
            os.rename(fresh, folder)  # noqa: PTH104 - unlike Path.rename the same on every system
        except OSError:
            if not (folder / file).exists():
                raise
    return folder / file
