"""Chinese first, English complete: nothing a user sees lacks either."""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
CATALOG = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES"
SOURCES = ("accounts", "detection", "platform/zhenwen")
MARKERS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "pgettext", "pgettext_lazy"}
_ENTRY = re.compile(r'^(msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?) (".*")$')
_TEMPLATE_CALL = re.compile(
    r"""(p|n)?gettext\(u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?:,\s*u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))?"""
)


def catalog() -> dict[str, str]:
    """Message, with its context as in a .mo file, to translation."""
    entries: dict[str, str] = {}
    for block in (CATALOG / "django.po").read_text("utf-8").split("\n\n"):
        parts: dict[str, str] = {}
        field = ""
        for line in block.splitlines():
            if match := _ENTRY.match(line):
                field = match[1]
                parts[field] = ast.literal_eval(match[2])
            elif line.startswith('"'):
                parts[field] += ast.literal_eval(line)
        key = f"{parts['msgctxt']}\x04{parts['msgid']}" if "msgctxt" in parts else parts["msgid"]
        entries[key] = parts.get("msgstr", parts.get("msgstr[0]", ""))
    del entries[""]
    return entries


def python_messages() -> Iterator[tuple[str, Path]]:
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                    continue
                texts = [
                    a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)
                ]
                if node.func.id in MARKERS and texts:
                    yield "\x04".join(texts) if node.func.id.startswith("pgettext") else texts[0], path


def template_messages() -> Iterator[tuple[str, Path]]:
    for path in (ROOT / "templates").rglob("*.*"):
        if path.suffix not in (".html", ".txt"):
            continue
        for match in _TEMPLATE_CALL.finditer(templatize(path.read_text("utf-8"))):
            text = ast.literal_eval(match[2])
            yield f"{text}\x04{ast.literal_eval(match[3])}" if match[1] == "p" and match[3] else text, path


def test_every_message_has_its_chinese() -> None:
    assert not [message for message, chinese in catalog().items() if not chinese.strip()]
    assert "fuzzy" not in (CATALOG / "django.po").read_text("utf-8")


@pytest.mark.parametrize("messages", [python_messages, template_messages])
def test_no_message_is_missing_from_the_catalog(messages) -> None:  # type: ignore[no-untyped-def]
    known = set(catalog())
    found = list(messages())
    assert len(found) > 50
    assert not sorted({f"{path.name}: {text}" for text, path in found if text not in known})


def test_the_compiled_catalog_is_that_of_the_source() -> None:
    with (CATALOG / "django.mo").open("rb") as stream:
        compiled = gettext.GNUTranslations(stream)._catalog  # type: ignore[attr-defined]
    flat = {key[0] if isinstance(key, tuple) else key: text for key, text in compiled.items() if key}
    assert flat == catalog()


def test_translations_fill_in_the_same_values() -> None:
    placeholder = re.compile(r"%\((\w+)\)s")
    assert not [
        message
        for message, chinese in catalog().items()
        if set(placeholder.findall(message)) != set(placeholder.findall(chinese))
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(("accepted", "words"), [("zh-CN", "登录"), ("en-GB", "Sign in"), ("fr", "登录")])
def test_the_browser_chooses_the_first_language(accepted: str, words: str, client: Client) -> None:
    assert words in client.get("/accounts/login/", headers={"Accept-Language": accepted}).content.decode()


@pytest.mark.django_db
def test_the_language_is_switched_on_every_page(client: Client) -> None:
    here = "/accounts/login/?next=/"
    assert f'value="{here}"' in client.get(here).content.decode()
    response = client.post("/i18n/setlang/", {"language": "en", "next": here}, follow=True)
    assert '<html lang="en">' in response.content.decode()
    assert "Sign in" in response.content.decode()
