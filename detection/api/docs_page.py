"""The OpenAPI description as what the documentation page shows."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

API_KEY_SHOWN = "$ZHENWEN_API_KEY"
FORM = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class FieldRow:
    name: str  # with the way to it: result.sentences[].start
    kind: str
    description: str
    is_required: bool = False

    @property
    def depth(self) -> int:
        return self.name.count(".")


@dataclass(frozen=True, slots=True)
class Body:
    media_type: str
    fields: list[FieldRow]
    curl: str


@dataclass(frozen=True, slots=True)
class Reply:
    status: str
    description: str
    fields: list[FieldRow]


@dataclass(frozen=True, slots=True)
class Operation:
    anchor: str
    method: str
    path: str
    summary: str
    description: str
    scope: str
    parameters: list[FieldRow]
    bodies: list[Body]
    replies: list[Reply]
    refusals: list[tuple[str, list[str]]]  # status, codes
    curl: str  # empty where the bodies have theirs


def operations_of(schema: dict[str, Any], *, address: str) -> list[Operation]:
    reader = _Reader(schema, address)
    return [
        reader.operation(path, method, described)
        for path, methods in schema["paths"].items()
        for method, described in methods.items()
    ]


@dataclass(frozen=True, slots=True)
class _Reader:
    schema: dict[str, Any]
    address: str

    def operation(self, path: str, method: str, described: dict[str, Any]) -> Operation:
        verb = method.upper()
        content = described.get("requestBody", {}).get("content", {})
        replies, refusals = [], []
        for status, reply in described["responses"].items():
            if status >= "400":
                refusals.append((status, reply["description"].split(", ")))
            else:
                replies.append(Reply(status, reply["description"], self._reply_fields(reply)))
        return Operation(
            anchor=described["operationId"],
            method=verb,
            path=path,
            summary=described["summary"],
            description=described["description"],
            scope=described["x-required-scope"],
            parameters=[self._parameter(parameter) for parameter in described.get("parameters", [])],
            bodies=[self._body(verb, path, media_type, body) for media_type, body in content.items()],
            replies=replies,
            refusals=refusals,
            curl="" if content else self._curl(verb, path, []),
        )

    def _parameter(self, parameter: dict[str, Any]) -> FieldRow:
        place = {"header": _("header"), "query": _("query"), "path": _("address")}[parameter["in"]]
        kind = f"{place} · {self._kind(parameter['schema'])}"
        required = bool(parameter.get("required"))
        return FieldRow(parameter["name"], kind, parameter.get("description", ""), required)

    def _body(self, verb: str, path: str, media_type: str, body: dict[str, Any]) -> Body:
        example = next(iter(body["examples"].values()))["value"]
        if media_type == FORM:
            arguments = [
                f"-F {shlex.quote(f'{name}=@{value}' if name == 'file' else f'{name}={value}')}"
                for name, value in example.items()
            ]
        else:
            sent = json.dumps(example, ensure_ascii=False, indent=2)
            arguments = ["-H 'Content-Type: application/json'", f"-d {shlex.quote(sent)}"]
        return Body(media_type, list(self._rows(body["schema"])), self._curl(verb, path, arguments))

    def _curl(self, verb: str, path: str, arguments: list[str]) -> str:
        shown_path = path.replace("{detection_id}", "$DETECTION_ID")
        method = "" if verb == "GET" or arguments else f"-X {verb} "
        quoted = f'"{self.address}{shown_path}"' if "$" in shown_path else f"{self.address}{shown_path}"
        lines = [f"curl {method}{quoted}", f'-H "Authorization: Bearer {API_KEY_SHOWN}"', *arguments]
        return " \\\n  ".join(lines)

    def _reply_fields(self, reply: dict[str, Any]) -> list[FieldRow]:
        content = reply.get("content", {}).get("application/json")
        return list(self._rows(content["schema"])) if content else []

    def _rows(self, described: dict[str, Any], way: str = "") -> Iterator[FieldRow]:
        component = self._resolved(described)
        required = component.get("required", [])
        for name, inner in component.get("properties", {}).items():
            own = f"{way}{name}"
            yield FieldRow(own, self._kind(inner), inner.get("description", ""), name in required)
            target = self._resolved(inner)
            if target.get("type") == "array":
                yield from self._rows(target["items"], f"{own}[].")
            else:
                yield from self._rows(target, f"{own}.")

    def _kind(self, described: dict[str, Any]) -> str:
        nullable = any(option.get("type") == "null" for option in described.get("oneOf", []))
        target = self._resolved(described)
        kind = target.get("type", "object")
        if isinstance(kind, list):
            nullable, kind = True, next(name for name in kind if name != "null")
        if "enum" in target:
            kind = " | ".join(str(value) for value in target["enum"])
        elif kind == "array":
            kind = f"[{self._kind(target['items'])}]"
        elif target.get("format") in ("uuid", "date-time", "binary"):
            kind = target["format"]
        limits = _limits(target)
        return f"{kind}{f' ({limits})' if limits else ''}{' | null' if nullable else ''}"

    def _resolved(self, described: dict[str, Any]) -> dict[str, Any]:
        for key in ("oneOf", "allOf"):
            if key in described:
                described = described[key][0]
        if "$ref" in described:
            name = described["$ref"].rpartition("/")[2]
            component: dict[str, Any] = self.schema["components"]["schemas"][name]
            return component
        return described


def _limits(described: dict[str, Any]) -> str:
    said = []
    if "minimum" in described or "maximum" in described:
        said.append(f"{described.get('minimum', '')}–{described.get('maximum', '')}")
    if "maxLength" in described or "maxItems" in described:
        said.append(f"≤ {described.get('maxLength', described.get('maxItems'))}")
    if "default" in described and described["default"] != []:
        said.append(_("default %(value)s") % {"value": described["default"]})
    return ", ".join(said)
