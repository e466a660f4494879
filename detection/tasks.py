"""What workers run: ids in, nothing out. Imported by workers only, never by the web application."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detection.models import ModelVersion
from detection.services.extraction import blame_file, extract_document
from detection.services.scoring import score_document
from zhenwen.observability.metrics import WORKER_INFO

if TYPE_CHECKING:
    from detection.engine import ModelScorer

# The version in service and the one before it, so that a swap never waits for detections under way.
MODELS_KEPT_WARM = 2
_warm: dict[str, ModelScorer] = {}


def warm_scorer(version: ModelVersion) -> ModelScorer:
    """The loaded model of a version; loads it on first use and lets the one go that was used least lately.

    Raises ModelFolderError.
    """
    scorer = _warm.pop(version.digest, None) or _loaded(version)
    while len(_warm) >= MODELS_KEPT_WARM:
        _warm.pop(next(iter(_warm)))
    _warm[version.digest] = scorer
    return scorer


def _loaded(version: ModelVersion) -> ModelScorer:
    """Checked to be the version it was, and to score its golden set as it must on this machine."""
    # Whoever reads files imports this module too, and needs no engine.
    from detection.engine import ModelFolderError, check_golden, load_model_folder

    folder = Path(version.folder)
    scorer = load_model_folder(folder)
    if scorer.model_digest != version.digest:
        raise ModelFolderError(f"{folder}: not the version {version.digest[:12]} any more")
    check_golden(folder, scorer=scorer)
    return scorer


def announce_model(queue: str, version: ModelVersion) -> None:
    """Load a version ahead of the first document, and let the metrics say what it runs on."""
    scorer = warm_scorer(version)
    backend = scorer.backend
    WORKER_INFO.labels(queue, scorer.model_name, backend.device, backend.precision).set(1)


def extract_document_task(organization_id: int, detection_id: str, attempt: int) -> None:
    extract_document(organization_id=organization_id, detection_id=detection_id, attempt=attempt)


def reader_killed(arguments: Sequence[Any]) -> None:
    """Told of the arguments of an extract_document_task whose process was killed."""
    organization_id, detection_id, attempt = arguments
    blame_file(organization_id=organization_id, detection_id=detection_id, attempt=attempt)


def score_document_task(organization_id: int, detection_id: str, attempt: int) -> None:
    score_document(
        organization_id=organization_id,
        detection_id=detection_id,
        attempt=attempt,
        scorer_for=warm_scorer,
    )
