"""The errors of this API, beyond what every API has, and how the product's refusals become them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.response import Response

from accounts.services.api_keys import ApiKeyRefused
from detection.services.lifecycle import DetectionNotCancellable
from detection.services.realtime import Overloaded
from detection.services.submission import SubmissionRefused
from zhenwen.http.exceptions import problem_of, problem_response
from zhenwen.http.problems import GENERAL_PROBLEMS, FieldError, Problem, ProblemType, retry_after
from zhenwen.ledger.services import AllowanceExceeded

_MAKE_A_KEY = _("Make a new key in the console of your institution, or ask its administrator.")

API_KEY_MISSING = ProblemType(
    "api_key_missing",
    401,
    _("The API key is missing"),
    _("No API key came with the request."),
    _("Send the header “Authorization: Bearer <key>” or “X-API-Key: <key>”."),
)
API_KEY_MALFORMED = ProblemType(
    "api_key_malformed",
    401,
    _("The API key is mistyped"),
    _("This is not a complete API key: its checksum is wrong."),
    _("Copy the whole key again, from zw_live_ to its last character."),
)
API_KEY_UNKNOWN = ProblemType(
    "api_key_unknown",
    401,
    _("The API key is unknown"),
    _("No active organization has this API key."),
    _MAKE_A_KEY,
)
API_KEY_REVOKED = ProblemType(
    "api_key_revoked",
    401,
    _("The API key was revoked"),
    _("This API key was withdrawn and works no more."),
    _MAKE_A_KEY,
)
API_KEY_EXPIRED = ProblemType(
    "api_key_expired",
    401,
    _("The API key has expired"),
    _("The date until which this key was valid is past."),
    _MAKE_A_KEY,
)
ALLOWANCE_EXCEEDED = ProblemType(
    "allowance_exceeded",
    402,
    _("The allowance of this month does not suffice"),
    _("Your organization has fewer characters left this month than this request needs."),
    _("Shorten the text, wait for the new month, or ask the operator for a larger allowance."),
)
NETWORK_NOT_ALLOWED = ProblemType(
    "network_not_allowed",
    403,
    _("This key may not be used from here"),
    _("The API key is restricted to networks that your address does not belong to."),
    _("Call from an allowed network, or let an administrator make a key for this one."),
)
SCOPE_MISSING = ProblemType(
    "scope_missing",
    403,
    _("The key may not do this"),
    _("The API key lacks the scope that this address needs."),
    _("Use a key that has the scope named in “required_scope”."),
)
DETECTION_NOT_CANCELLABLE = ProblemType(
    "detection_not_cancellable",
    409,
    _("This detection cannot be cancelled"),
    _("It is finished already: succeeded, failed or cancelled."),
    _("Read its result, or delete it."),
)
IDEMPOTENCY_KEY_INVALID = ProblemType(
    "idempotency_key_invalid",
    400,
    _("The Idempotency-Key is not valid"),
    _("An Idempotency-Key has 1 to 255 printable ASCII characters."),
    _("Send a fresh UUID for each thing you want done once."),
)
IDEMPOTENCY_KEY_RUNNING = ProblemType(
    "idempotency_key_running",
    409,
    _("The first call with this Idempotency-Key is still running"),
    _("Its reply is not known yet; nothing was done twice."),
    _("Repeat the same request after the seconds in Retry-After."),
)
IDEMPOTENCY_KEY_REUSED = ProblemType(
    "idempotency_key_reused",
    422,
    _("This Idempotency-Key belongs to another request"),
    _("The key was used within the last 24 hours with another address or body."),
    _("Use a new key for a new request."),
)
EMPTY_TEXT = ProblemType(
    "empty_text",
    422,
    _("The text is empty"),
    _("There is nothing to analyse in this text."),
    _("Send some text."),
)
TEXT_TOO_LONG = ProblemType(
    "too_long",
    413,
    _("The text is too long"),
    _("The text has more characters than this address accepts at once."),
    _("Send long texts to /api/v1/detections, and split what is longer than that accepts."),
)
EMPTY_FILE = ProblemType(
    "empty_file",
    422,
    _("The file is empty"),
    _("The file has no bytes."),
    _("Check the file and send it again."),
)
FILE_TOO_LARGE = ProblemType(
    "too_large",
    413,
    _("The file is too large"),
    _("The file has more bytes than is accepted."),
    _("Leave large pictures out of it, or send it as text."),
)
UNSUPPORTED_TYPE = ProblemType(
    "unsupported_type",
    415,
    _("This kind of file is not supported"),
    _("Only .docx, .pdf, .txt and .md files can be read."),
    _("Save the document as .docx or .pdf and send it again."),
)

LEGACY_DOC = ProblemType(
    "legacy_doc",
    415,
    _("Old Word files are not supported"),
    _("This is a document in the old Word format (.doc)."),
    _("Open it in Word or WPS and save it as .docx."),
)

_API_KEY_PROBLEMS = {
    "malformed": API_KEY_MALFORMED,
    "unknown": API_KEY_UNKNOWN,
    "revoked": API_KEY_REVOKED,
    "expired": API_KEY_EXPIRED,
    "network_not_allowed": NETWORK_NOT_ALLOWED,
}
OVERLOADED = ProblemType(
    "overloaded",
    503,
    _("Too many texts are waiting"),
    _("More texts wait to be analysed at once than can be answered in time. Nothing was stored or charged."),
    _("Wait as long as Retry-After says, or hand the text in at /api/v1/detections."),
)

# By the codes of detection.errors.
SUBMISSION_PROBLEMS = {
    problem.code: problem
    for problem in (EMPTY_TEXT, TEXT_TOO_LONG, EMPTY_FILE, FILE_TOO_LARGE, UNSUPPORTED_TYPE, LEGACY_DOC)
}
PROBLEMS = sorted(
    (
        *GENERAL_PROBLEMS,
        API_KEY_MISSING,
        *_API_KEY_PROBLEMS.values(),
        *SUBMISSION_PROBLEMS.values(),
        ALLOWANCE_EXCEEDED,
        SCOPE_MISSING,
        DETECTION_NOT_CANCELLABLE,
        OVERLOADED,
        IDEMPOTENCY_KEY_INVALID,
        IDEMPOTENCY_KEY_RUNNING,
        IDEMPOTENCY_KEY_REUSED,
    ),
    key=lambda problem: (problem.status, problem.code),
)


def api_exception_handler(exception: Exception, _context: dict[str, Any]) -> Response | None:
    problem = problem_for(exception)
    return problem_response(problem) if problem else None


def problem_for(exception: Exception) -> Problem | None:
    """None for what nobody foresaw."""
    return _product_problem(exception) or problem_of(exception)


def api_key_problem(refused: ApiKeyRefused) -> Problem:
    return unauthenticated(_API_KEY_PROBLEMS[refused.code])


def unauthenticated(kind: ProblemType) -> Problem:
    headers = {"WWW-Authenticate": 'Bearer realm="zhenwen"'} if kind.status == 401 else {}
    return Problem(kind, headers=headers)


def _product_problem(exception: Exception) -> Problem | None:
    if isinstance(exception, AllowanceExceeded):
        return Problem(
            ALLOWANCE_EXCEEDED,
            members={
                "asked_characters": exception.asked_characters,
                "remaining_characters": exception.remaining_characters,
            },
        )
    if isinstance(exception, SubmissionRefused):
        return submission_problem(exception)
    if isinstance(exception, Overloaded):
        return Problem(OVERLOADED, headers=retry_after(exception.retry_after_seconds))
    if isinstance(exception, DetectionNotCancellable):
        return Problem(DETECTION_NOT_CANCELLABLE)
    return None


def submission_problem(refusal: SubmissionRefused, *, field: str = "") -> Problem:
    """`field` names the text that is to blame, where a body holds more than one."""
    detail = refusal.words.what_happened
    return Problem(
        SUBMISSION_PROBLEMS[refusal.code],
        detail=detail,
        errors=(FieldError(field, refusal.code, detail),) if field else (),
        members=refusal.parameters,
    )
