"""What the OpenAPI description covers, at the addresses of the site."""

from django.urls import include, path

urlpatterns = [path("api/v1/", include("detection.api.urls"))]
