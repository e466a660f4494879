"""The JSON of a detection with places left open for what differs from call to call.

A result that is given out again bears the caller's title and id and speaks the caller's language; everything
else stays as it was written the first time, byte for byte.
"""

from __future__ import annotations

import json
from typing import Any

from rest_framework.renderers import JSONRenderer

# Control characters stand for the open places: JSON can only hold them escaped, and no field holds them.
_TITLE, _EXTERNAL_ID, _NOTICE = "\x01", "\x02", "\x03"
# Compact JSON has no line feed.
_BETWEEN = b"\n"
_encode = json.JSONEncoder(ensure_ascii=False).encode


def payload_template(payload: dict[str, Any]) -> bytes:
    """Of the payload of a detection that has succeeded."""
    opened = payload | {
        "document": payload["document"] | {"title": _TITLE, "external_id": _EXTERNAL_ID},
        "result": payload["result"] | {"notice": _NOTICE},
    }
    rendered: bytes = JSONRenderer().render(opened)
    for place in (_TITLE, _EXTERNAL_ID, _NOTICE):
        rendered = rendered.replace(json.dumps(place).encode(), _BETWEEN)
    return rendered


def filled_template(template: bytes, *, title: str, external_id: str, notice: str) -> bytes:
    """The payload as the API renders it. Raises UnicodeEncodeError for what UTF-8 cannot write."""
    first, second, third, last = template.split(_BETWEEN)
    written = (_written(title), _written(external_id), _written(notice))
    return b"".join((first, written[0], second, written[1], third, written[2], last))


def _written(text: str) -> bytes:
    # As the API's renderer writes it: JavaScript takes these two for line ends.
    written = _encode(text).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return written.encode()
