"""Every reply of the API is JSON in the caller's language, also where no view was reached."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils import translation
from django.utils.translation.trans_real import parse_accept_lang_header

from zhenwen.http import problems
from zhenwen.http.problems import Problem, ProblemType, problem_body

API_PREFIX = "/api/"
# Below it, but read by people with a browser.
PAGES = ("/api/docs",)
CHINESE, ENGLISH = "zh-hans", "en"

_BY_STATUS: dict[int, ProblemType] = {
    problem.status: problem
    for problem in (
        problems.NOT_FOUND,
        problems.METHOD_NOT_ALLOWED,
        problems.BODY_TOO_LARGE,
        problems.SERVICE_UNAVAILABLE,
    )
}


class ApiMiddleware:
    """Stands below LocaleMiddleware, whose choice it replaces: programs have no language cookie."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(API_PREFIX) or request.path_info in PAGES:
            return self.get_response(request)
        translation.activate(preferred_language(request.headers.get("Accept-Language", "")))
        response = self.get_response(request)
        if response.status_code >= 400 and not _speaks_problem(response):
            return _as_problem(response)
        return response


def preferred_language(accept_language: str) -> str:
    """Chinese, unless the caller asks for another language first; English then."""
    for code, _quality in parse_accept_lang_header(accept_language.lower()):
        return CHINESE if code == "*" or code.partition("-")[0] == "zh" else ENGLISH
    return CHINESE


def _speaks_problem(response: HttpResponseBase) -> bool:
    return bool(response.get("Content-Type", "").startswith(problems.CONTENT_TYPE))


def _as_problem(response: HttpResponseBase) -> HttpResponse:
    """Django's own error page, said as a problem. Nothing of its content is passed on."""
    fallback = problems.BAD_REQUEST if response.status_code < 500 else problems.INTERNAL_ERROR
    problem = Problem(_BY_STATUS.get(response.status_code, fallback))
    said = JsonResponse(
        problem_body(problem),
        status=problem.type.status,
        content_type=problems.CONTENT_TYPE,
        json_dumps_params={"ensure_ascii": False},
    )
    for name in ("Allow", "Retry-After"):
        if name in response:
            said[name] = response[name]
    return said
