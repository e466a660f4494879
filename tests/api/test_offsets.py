"""Offsets count code points of the text as it was sent, whatever is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.client import Caller
from tests.services.detections import SENTENCES

FILLER = "".join(SENTENCES) * 4
CUE = "综上所述，社区参与是一个需要长期投入的过程。"
TEXTS = {
    "astral": f"𠮷野家🍜里有人说话👩‍👩‍👧。{FILLER}{CUE}{FILLER}",
    "crlf": f"第一段写在这里。\r\n{FILLER}\r\n{CUE}\r\n{FILLER}",
    "lone cr": f"第一段写在这里。\r{FILLER}\r{CUE}\r{FILLER}",
    "zero width": f"\ufeff隐\u200b藏\u200c的\u200d字符。\u2060{FILLER}{CUE}{FILLER}",
    "right to left": f"\u202eאבג\u202c写在前面。{FILLER}{CUE}{FILLER}",
    "combining": f"e\u0301 和 é 不是一回事。{FILLER}{CUE}{FILLER}",
    "full width": f"ＡＢＣ１２３（全角）。{FILLER}{CUE}{FILLER}",
    "nul": f"空\x00字符。{FILLER}{CUE}{FILLER}",
    "leading and trailing space": f"\n\n  {FILLER}{CUE}{FILLER}  \n",
}


def most_suspicious(result: dict[str, Any]) -> dict[str, Any]:
    """The one sentence that the fake model takes for a model's."""
    first, second = sorted(result["sentences"], key=lambda sentence: -sentence["p_ai"])[:2]
    assert first["p_ai"] > second["p_ai"]
    found: dict[str, Any] = first
    return found


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("name", TEXTS)
def test_the_sentence_is_where_the_offsets_say(alice: Caller, name: str) -> None:
    text = TEXTS[name]
    result = alice.post("detect", {"text": text}).json["result"]
    found = most_suspicious(result)
    assert text[found["start"] : found["end"]].strip() == CUE
    assert all(0 <= span["start"] < span["end"] <= len(text) for span in result["sentences"])


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("escape", [rb"\ud800", rb"\udc00", rb"\udc00\ud800"])
def test_a_lone_surrogate_counts_one_and_stops_nothing(alice: Caller, escape: bytes) -> None:
    body = b'{"text": "' + escape + f"{FILLER}{CUE}{FILLER}".encode() + b'"}'
    reply = alice.post("detect", body)
    assert reply.status == 200
    assert most_suspicious(reply.json["result"])["start"] == len(escape) // 6 + len(FILLER)


@pytest.mark.usefixtures("worker")
def test_escaped_and_plain_spelling_of_a_text_are_the_same(alice: Caller) -> None:
    plain = json.dumps({"text": TEXTS["astral"]}, ensure_ascii=False)
    escaped = json.dumps({"text": TEXTS["astral"]})
    assert r"\ud842\udfb7" in escaped
    first, again = alice.post("detect", plain.encode()), alice.post("detect", escaped.encode())
    assert first.json["result"] == again.json["result"]
