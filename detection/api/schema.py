"""The OpenAPI 3.1 description, made once a process and language from the views and their serializers."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer

from zhenwen.http.middleware import ENGLISH


@cache
def api_schema(language: str) -> dict[str, Any]:
    """Shared by all callers: not to be changed."""
    with translation.override(language):
        generator = SchemaGenerator(urlconf="detection.api.schema_urls")  # type: ignore[no-untyped-call]
        schema: dict[str, Any] = generator.get_schema(public=True)  # type: ignore[no-untyped-call]
    for name, component in schema["components"]["schemas"].items():
        if name.endswith("Input"):
            component["additionalProperties"] = False  # what StrictSerializer does
    return schema


@cache
def schema_yaml() -> bytes:
    """In English, as checked in."""
    rendered: bytes = OpenApiYamlRenderer().render(api_schema(ENGLISH))  # type: ignore[no-untyped-call]
    return rendered


@cache
def schema_json() -> bytes:
    return json.dumps(api_schema(ENGLISH), ensure_ascii=False).encode()
