"""/livez /readyz /health /metrics"""

from __future__ import annotations

import hmac
import ipaddress
import os
from collections.abc import Sequence

import prometheus_client
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.multiprocess import MultiProcessCollector

from zhenwen.observability.health import Finding, Status, health, readiness
from zhenwen.observability.metrics import add_registered_collectors


@require_safe
@never_cache
def livez(_request: HttpRequest) -> JsonResponse:
    """The process answers. Says nothing of what it depends on, so that nobody restarts it in vain."""
    return JsonResponse({"status": "alive"})


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    findings = readiness()
    body = {"status": "unready" if findings else "ready", "reasons": _reasons(findings)}
    return JsonResponse(body, status=503 if findings else 200)


@require_safe
@never_cache
def health_view(_request: HttpRequest) -> JsonResponse:
    status, findings = health()
    body = {"status": status, "reasons": _reasons(findings)}
    return JsonResponse(body, status=503 if status is Status.UNHEALTHY else 200)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus: with METRICS_TOKEN as bearer, or from this machine. To others it does not exist."""
    if not _may_scrape(request):
        return HttpResponseNotFound()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = prometheus_client.CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        add_registered_collectors(registry)
        body = prometheus_client.generate_latest(registry)
    else:
        own = prometheus_client.CollectorRegistry()
        add_registered_collectors(own)
        body = prometheus_client.generate_latest(prometheus_client.REGISTRY)
        body += prometheus_client.generate_latest(own)
    return HttpResponse(body, content_type=prometheus_client.CONTENT_TYPE_LATEST)


def _may_scrape(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
    # Behind a proxy on this machine everybody seems to come from it.
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _reasons(findings: Sequence[Finding]) -> list[str]:
    return [finding.reason for finding in findings]
