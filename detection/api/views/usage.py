"""What this month's allowance still holds."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.services.api_keys import Scope
from detection.api.access import ApiView, endpoint
from detection.api.outputs import UsageOutput
from detection.api.schema_parts import described
from detection.selectors.usage import usage_of


class UsageView(ApiView):
    @described(
        operation_id="get_usage",
        tag="usage",
        summary=_("Read the usage of this month"),
        description=_("Characters granted, used, reserved and remaining."),
        responses={200: OpenApiResponse(UsageOutput, description=_("The usage."))},
    )
    @endpoint(Scope.USAGE_READ)
    def get(self, request: Request) -> Response:  # noqa: ARG002
        usage = usage_of(organization_id=self.organization_id)
        return Response(
            {
                "period": f"{usage.period:%Y-%m}",
                "granted_characters": usage.granted,
                "used_characters": usage.used,
                "reserved_characters": usage.reserved,
                "remaining_characters": usage.remaining,
            }
        )
