"""The operator's admin: every page runs across organizations, in a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpResponse
from django.template.response import TemplateResponse

from zhenwen.tenancy.scope import operator_scope

_View = TypeVar("_View", bound=Callable[..., Any])


class OperatorAdminSite(AdminSite):
    site_header = site_title = "甄文 Zhenwen"
    # Signs in through the same door as everybody, with its rate limits.
    login = secure_admin_login(AdminSite.login)

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
