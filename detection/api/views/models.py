"""Which model scores, and which did."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.services.api_keys import Scope
from detection.api.access import ApiView, endpoint
from detection.api.outputs import ModelsOutput
from detection.api.schema_parts import described
from detection.models import ModelVersion
from detection.selectors.model_versions import model_versions


class ModelsView(ApiView):
    @described(
        operation_id="list_models",
        tag="models",
        summary=_("List model versions"),
        description=_("The one that scores now and those that older results name."),
        responses={200: OpenApiResponse(ModelsOutput, description=_("The model versions."))},
    )
    @endpoint(Scope.DETECTIONS_READ)
    def get(self, request: Request) -> Response:  # noqa: ARG002
        published = model_versions().filter(
            status__in=(ModelVersion.Status.ACTIVE, ModelVersion.Status.RETIRED)
        )
        return Response(
            {
                "models": [
                    {
                        "name": version.name,
                        "digest": version.digest,
                        "calibration_digest": version.calibration_digest,
                        "status": version.status,
                        "activated_at": version.activated_at and version.activated_at.isoformat(),
                    }
                    for version in published.order_by("status", "-activated_at")
                ]
            }
        )
