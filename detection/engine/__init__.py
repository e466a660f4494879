"""The only room that loads and runs models. Importing it imports neither torch nor OpenVINO."""

from detection.engine.backends import BackendInfo
from detection.engine.golden import check_golden, write_golden
from detection.engine.locations import default_model_folder
from detection.engine.manifest import Manifest, ModelFolderError, read_manifest, write_manifest
from detection.engine.requests import RequestExpired
from detection.engine.scorer import ModelScorer, load_model_folder
from detection.engine.shared import ScorerClosed, SharedScorer

__all__ = [
    "BackendInfo",
    "Manifest",
    "ModelFolderError",
    "ModelScorer",
    "RequestExpired",
    "ScorerClosed",
    "SharedScorer",
    "check_golden",
    "default_model_folder",
    "load_model_folder",
    "read_manifest",
    "write_golden",
    "write_manifest",
]
