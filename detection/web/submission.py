"""Hand in files and texts. The script sends one file per request; without it the form sends them together."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import Permission
from accounts.web.access import MemberRequest, member_page
from detection.models import Batch, Detection
from detection.selectors.detections import batches_of
from detection.services.submission import (
    SubmissionRefused,
    Submitter,
    open_batch,
    submit_file,
    submit_text,
)
from detection.web.documents import documents_context
from zhenwen.ledger.services import AllowanceExceeded


@dataclass(frozen=True, slots=True)
class FileOutcome:
    filename: str
    address: str = ""
    error: str = ""


@member_page(Permission.SUBMIT_DOCUMENTS)
@require_POST
def files(request: MemberRequest) -> HttpResponse:
    """Every file by itself: one that is refused holds up no other."""
    uploads = [file for file in request.FILES.getlist("files") if isinstance(file, UploadedFile)]
    batch = _chosen_batch(request)
    if batch is None and len(uploads) > 1:
        batch = open_batch(organization_id=request.membership.organization_id, submitter=_submitter(request))
    outcomes = [_submit(request, upload, batch) for upload in uploads[: settings.UPLOAD_FILES_AT_MOST]]
    if request.accepts("text/html"):
        return _page_after(request, outcomes, batch)
    return JsonResponse({"files": [asdict(outcome) for outcome in outcomes]})


@member_page(Permission.SUBMIT_DOCUMENTS)
@require_POST
def batch(request: MemberRequest) -> HttpResponse:
    """For the script, before it sends several files."""
    opened = open_batch(organization_id=request.membership.organization_id, submitter=_submitter(request))
    address = reverse("batch", args=[request.membership.organization.slug, opened.id])
    return JsonResponse({"id": str(opened.id), "address": address}, status=HTTPStatus.CREATED)


@member_page(Permission.SUBMIT_DOCUMENTS)
@require_http_methods(["GET", "POST"])
def text(request: MemberRequest) -> HttpResponse:
    if request.method == "GET":  # a page with a refusal bears this address: its language was switched, say
        return redirect("documents", slug=request.membership.organization.slug)
    pasted = {name: request.POST.get(name, "") for name in ("title", "text")}
    try:
        with transaction.atomic():
            detection = submit_text(
                organization_id=request.membership.organization_id,
                text=pasted["text"],
                submitter=_submitter(request),
                title=pasted["title"].strip(),
            )
    except (SubmissionRefused, AllowanceExceeded) as refusal:
        messages.error(request, refusal_words(refusal))
        # What was typed stays in its field: it may be nowhere else.
        address = reverse("documents", args=[request.membership.organization.slug])
        context = {**documents_context(request), "pasted": pasted, "address": address}
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return render(request, "detection/documents.html", context, status=status)
    return redirect(_address(request, detection))


def refusal_words(refusal: SubmissionRefused | AllowanceExceeded) -> str:
    if isinstance(refusal, AllowanceExceeded):
        return _(
            "This month's allowance does not cover it: %(remaining)s characters are left. Ask an "
            "administrator of your institution."
        ) % {"remaining": f"{max(refusal.remaining_characters, 0):,}"}
    return f"{refusal.words.what_happened} {refusal.words.what_to_do}"


def _submit(request: MemberRequest, upload: UploadedFile[Any], into: Batch | None) -> FileOutcome:
    name = upload.name or ""
    try:
        # Of its own, so that a refusal leaves nothing behind and the files beside it stay.
        with transaction.atomic():
            detection = submit_file(
                organization_id=request.membership.organization_id,
                data=upload.read(),
                filename=name,
                submitter=_submitter(request),
                batch=into,
            )
    except (SubmissionRefused, AllowanceExceeded) as refusal:
        return FileOutcome(name, error=refusal_words(refusal))
    return FileOutcome(name, address=_address(request, detection))


def _address(request: MemberRequest, detection: Detection) -> str:
    return reverse("detection", args=[request.membership.organization.slug, detection.id])


def _chosen_batch(request: MemberRequest) -> Batch | None:
    given = request.POST.get("batch")
    if not given:
        return None
    try:
        batch_id = uuid.UUID(given)
    except ValueError:
        raise Http404 from None
    found = batches_of(organization_id=request.membership.organization_id).filter(pk=batch_id).first()
    if found is None:
        raise Http404
    return found


def _page_after(request: MemberRequest, outcomes: list[FileOutcome], into: Batch | None) -> HttpResponse:
    for outcome in outcomes:
        if outcome.error:
            messages.error(request, f"{outcome.filename}: {outcome.error}")
    if not outcomes:
        messages.error(request, _("Choose at least one file."))
    accepted = [outcome for outcome in outcomes if outcome.address]
    slug = request.membership.organization.slug
    if len(accepted) == 1:
        return redirect(accepted[0].address)
    if accepted and into is not None:
        return redirect("batch", slug=slug, batch_id=into.id)
    return redirect("documents", slug=slug)


def _submitter(request: MemberRequest) -> Submitter:
    return Submitter(user=request.user, label=request.user.email)
