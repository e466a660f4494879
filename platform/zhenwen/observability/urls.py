"""Addresses for load balancers and monitors; not part of the API."""

from django.urls import path

from zhenwen.observability import views

urlpatterns = [
    path("livez", views.livez, name="livez"),
    path("readyz", views.readyz, name="readyz"),
    path("health", views.health_view, name="health"),
    path("metrics", views.metrics, name="metrics"),
]
