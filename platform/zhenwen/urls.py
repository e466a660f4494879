"""Every address of the site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("", include("zhenwen.observability.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("accounts.web.urls")),
    path("", include("detection.web.urls")),
]
