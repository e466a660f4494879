"""/api/v1/…"""

from django.urls import path

from detection.api.views.batches import BatchesView
from detection.api.views.detect import DetectView
from detection.api.views.detections import CancelView, DetectionsView, DetectionView
from detection.api.views.models import ModelsView
from detection.api.views.usage import UsageView

app_name = "api"
urlpatterns = [
    path("detect", DetectView.as_view(), name="detect"),
    path("detections", DetectionsView.as_view(), name="detections"),
    path("detections/<uuid:detection_id>", DetectionView.as_view(), name="detection"),
    path("detections/<uuid:detection_id>/cancel", CancelView.as_view(), name="cancel"),
    path("batches", BatchesView.as_view(), name="batches"),
    path("models", ModelsView.as_view(), name="models"),
    path("usage", UsageView.as_view(), name="usage"),
]
