"""The pages about documents, their detections and what governs them."""

from django.urls import path

from detection.web import actions, batches, detections, documents, policy, submission, usage

urlpatterns = [
    path("o/<slug:slug>/", documents.documents, name="documents"),
    path("o/<slug:slug>/submit/files", submission.files, name="submit_files"),
    path("o/<slug:slug>/submit/text", submission.text, name="submit_text"),
    path("o/<slug:slug>/submit/batch", submission.batch, name="submit_batch"),
    path("o/<slug:slug>/batches/<uuid:batch_id>/", batches.batch, name="batch"),
    path("o/<slug:slug>/detections/<uuid:detection_id>/", detections.detection, name="detection"),
    path(
        "o/<slug:slug>/detections/<uuid:detection_id>/report.json", detections.report_json, name="report_json"
    ),
    path("o/<slug:slug>/detections/<uuid:detection_id>/cancel", actions.cancel, name="cancel_detection"),
    path("o/<slug:slug>/detections/<uuid:detection_id>/erase", actions.erase, name="erase_document"),
    path("o/<slug:slug>/usage/", usage.usage, name="usage"),
    path("o/<slug:slug>/policy/", policy.policy, name="policy"),
]
