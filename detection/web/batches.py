from __future__ import annotations

import uuid

from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from accounts.permissions import Permission
from accounts.web.access import MemberRequest, member_page
from detection.models.report import VERDICT_LABELS
from detection.selectors.detections import batches_of, detections_of
from detection.states import OPEN_STATES, State
from detection.web.listing import listing, render_page_or_part


@member_page(Permission.READ_REPORTS)
@require_safe
def batch(request: MemberRequest, batch_id: uuid.UUID) -> HttpResponse:
    """What was handed in together: how far it is, and what came out."""
    organization_id = request.membership.organization_id
    found = batches_of(organization_id=organization_id).filter(pk=batch_id).first()
    if found is None:
        raise Http404
    detections = detections_of(organization_id=organization_id).filter(document__batch=found)
    counts = detections.order_by().aggregate(
        total=Count("id"),
        open=Count("id", filter=Q(state__in=OPEN_STATES)),
        failed=Count("id", filter=Q(state=State.FAILED)),
        **{verdict.value: Count("id", filter=Q(report__verdict=verdict)) for verdict in VERDICT_LABELS},
    )
    context = {
        **listing(detections, request=request),
        "batch": found,
        "counts": counts,
        "done": counts["total"] - counts["open"],
        "verdicts": [
            (verdict.value, label, counts[verdict.value]) for verdict, label in VERDICT_LABELS.items()
        ],
    }
    return render_page_or_part(
        request,
        page_template="detection/batch.html",
        part_template="detection/batch_listing.html",
        context=context,
    )
