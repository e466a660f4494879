"""The operator's admin: every page runs across organizations, in a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator

from zhenwen.tenancy.scope import operator_scope

_View = TypeVar("_View", bound=Callable[..., Any])


class OperatorAdminSite(AdminSite):
    site_header = site_title = "甄文 Zhenwen"

    @method_decorator(secure_admin_login)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Signs in through the same door as everybody, with its rate limits."""
        return super().login(request, extra_context)

    def admin_view(
        self,
        view: _View,
        cacheable: bool = False,  # noqa: FBT001, FBT002 - Django's signature
    ) -> _View:
        @wraps(view)
        def in_operator_scope(*args: Any, **kwargs: Any) -> HttpResponse:
            with operator_scope():
                response = view(*args, **kwargs)
                # Templates read rows lazily; render while the scope is open.
                return response.render() if isinstance(response, TemplateResponse) else response

        return super().admin_view(cast("_View", in_operator_scope), cacheable)
