"""The product's tables. All belong to one organization, except the versions of the model."""

from detection.models.detection import Detection, Priority
from detection.models.document import Batch, Document, DocumentContent
from detection.models.idempotency import IdempotentReply
from detection.models.model_version import ModelVersion
from detection.models.policy import Policy
from detection.models.report import Report

__all__ = [
    "Batch",
    "Detection",
    "Document",
    "DocumentContent",
    "IdempotentReply",
    "ModelVersion",
    "Policy",
    "Priority",
    "Report",
]
