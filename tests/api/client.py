"""A caller of the API. Every reply it gets is held against the checked-in OpenAPI description."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml
from django.conf import settings
from django.test import Client
from django.urls import resolve
from jsonschema import Draft202012Validator, FormatChecker

DESCRIPTION = settings.ROOT / "docs" / "openapi.yaml"
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    json: Any
    content: bytes

    @property
    def code(self) -> str:
        """Of a problem."""
        assert self.headers["Content-Type"] == PROBLEM, self.content
        code: str = self.json["code"]
        return code

    @property
    def wrong_fields(self) -> dict[str, str]:
        """What each field was refused for."""
        return {error["field"]: error["code"] for error in self.json["errors"]}


@dataclass
class Caller:
    token: str | None
    headers: dict[str, str] = field(default_factory=dict)
    address: str = "127.0.0.1"

    def get(self, path: str, query: dict[str, str] | None = None, **headers: str) -> Reply:
        return self.call("GET", path, headers=headers, query=query)

    def post(self, path: str, body: Any = None, **headers: str) -> Reply:
        """`body`: anything to be sent as JSON, or bytes to be sent as they are, called JSON."""
        sent = body if isinstance(body, bytes) else json.dumps(body if body is not None else {}).encode()
        return self.call("POST", path, sent, headers=headers)

    def post_form(self, path: str, fields: dict[str, Any], **headers: str) -> Reply:
        from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

        return self.call(
            "POST",
            path,
            encode_multipart(BOUNDARY, fields),
            content_type=MULTIPART_CONTENT,
            headers=headers,
        )

    def delete(self, path: str) -> Reply:
        return self.call("DELETE", path)

    def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> Reply:
        authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        response = Client(raise_request_exception=False).generic(
            method,
            f"/api/v1/{path}" if not path.startswith("/") else path,
            body,
            content_type=content_type,
            headers={**authorization, **self.headers, **named},
            query_params=query,
            REMOTE_ADDR=self.address,
        )
        content = response.content
        reply = Reply(
            status=response.status_code,
            headers=dict(response.headers),
            json=json.loads(content) if content and "json" in response["Content-Type"] else None,
            content=content,
        )
        _check_described(method, response.wsgi_request.path_info, reply)
        return reply


def _check_described(method: str, path: str, reply: Reply) -> None:
    if reply.status in (404, 405, 500) and reply.headers["Content-Type"] == PROBLEM:
        _check("Problem", reply.json)
        return
    described = description()["paths"][_pattern(path)][method.lower()]["responses"]
    assert str(reply.status) in described, f"{method} {path} answered {reply.status}: {reply.content!r}"
    content = described[str(reply.status)].get("content")
    if content is None:
        assert reply.content == b""
        return
    media_type = reply.headers["Content-Type"]
    assert media_type in content
    _check(content[media_type]["schema"]["$ref"].rpartition("/")[2], reply.json)


def _check(component: str, value: Any) -> None:
    schema = {"$ref": f"#/components/schemas/{component}", "components": description()["components"]}
    errors = list(Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(value))
    assert not errors, [f"{'.'.join(map(str, error.path))}: {error.message}" for error in errors]


@cache
def description() -> dict[str, Any]:
    """As checked in, but nothing undescribed may be in a reply."""
    described: dict[str, Any] = yaml.safe_load(DESCRIPTION.read_text(encoding="utf-8"))
    for component in described["components"]["schemas"].values():
        if "properties" in component:
            component.setdefault("additionalProperties", False)
    return described


def _pattern(path: str) -> str:
    match = resolve(path)
    return "/" + match.route.replace("<uuid:detection_id>", "{detection_id}")
