"""Cancel and erase: a page that asks, and the POST that does it."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.permissions import Permission
from accounts.web.access import MemberRequest, member_page
from detection.services.lifecycle import DetectionNotCancellable, cancel_detection, erase_document
from detection.services.submission import Submitter
from detection.web.detections import detection_or_404


@member_page(Permission.SUBMIT_DOCUMENTS)
@require_http_methods(["GET", "POST"])
def cancel(request: MemberRequest, detection_id: uuid.UUID) -> HttpResponse:
    found = detection_or_404(request, detection_id)
    if request.method == "GET" and found.is_open:
        return render(request, "detection/cancel.html", {"detection": found, "document": found.document})
    try:
        cancel_detection(detection=found, cancelled_by=_submitter(request))
    except DetectionNotCancellable:
        messages.error(request, _("It had ended before it could be cancelled."))
    else:
        messages.success(request, _("The detection has been cancelled. Nothing was charged."))
    return redirect("detection", slug=request.membership.organization.slug, detection_id=found.id)


@member_page(Permission.ERASE_DOCUMENTS)
@require_http_methods(["GET", "POST"])
def erase(request: MemberRequest, detection_id: uuid.UUID) -> HttpResponse:
    found = detection_or_404(request, detection_id)
    if request.method == "GET":
        return render(request, "detection/erase.html", {"detection": found, "document": found.document})
    erase_document(document=found.document, erased_by=_submitter(request))
    messages.success(request, _("The document has been erased."))
    return redirect("documents", slug=request.membership.organization.slug)


def _submitter(request: MemberRequest) -> Submitter:
    return Submitter(user=request.user, label=request.user.email)
