"""Bodies: how large, and JSON that is really JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.http import HttpRequest
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from zhenwen.http import problems
from zhenwen.http.problems import Problem


class StrictJSONParser(JSONParser):
    """UTF-8 only, no NaN or Infinity; too deep or with absurd numbers counts as broken."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002 - DRF's signature
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        try:
            parsed = read_json(stream.read())
        except (ValueError, RecursionError) as error:
            raise ParseError from error
        if not isinstance(parsed, dict):
            raise ParseError
        return parsed


def read_json(body: bytes) -> Any:
    """Raises ValueError or RecursionError for what is no JSON in UTF-8."""
    return _DECODER.decode(body.decode("utf-8-sig"))


class AlwaysJSON(DefaultContentNegotiation):
    """The API has one representation; whatever Accept says, an error must get through."""

    def select_renderer(
        self,
        request: Request,  # noqa: ARG002 - DRF's signature
        renderers: Any,
        format_suffix: str | None = None,  # noqa: ARG002
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


def refuse_oversized_body(request: HttpRequest, *, size_bytes_at_most: int) -> None:
    """Before anything reads the body. Raises Problem: 411 without a length, 413 over the limit."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length and "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        raise Problem(problems.LENGTH_REQUIRED)
    if length.isdecimal() and int(length) > size_bytes_at_most:
        raise Problem(problems.BODY_TOO_LARGE, members={"size_bytes_at_most": size_bytes_at_most})


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
