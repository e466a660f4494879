"""Every address of the site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from detection.api.views import documentation

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("", include("zhenwen.observability.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("accounts.web.urls")),
    path("", include("detection.web.urls")),
    path("api/v1/", include("detection.api.urls")),
    path("api/schema", documentation.schema, name="api-schema"),
    path("api/docs", documentation.documentation, name="api-docs"),
]

handler400 = "accounts.web.errors.bad_request"
