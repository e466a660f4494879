"""The description for programs, the page for people and docs/api.md say what the code does."""

from __future__ import annotations

import html
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import LazySettings, settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import translation
from openapi_spec_validator import OpenAPIV31SpecValidator

from detection.api.problems import PROBLEMS
from detection.api.schema import api_schema
from detection.api.urls import urlpatterns
from detection.errors import ALL_CODES
from detection.management.commands import check_openapi
from tests.api.client import Caller, Reply, description
from tests.api.test_access import ENDPOINTS, NOBODYS_ID
from tests.cast import Cast
from tests.services.detections import hand_in_text

HEADINGS = re.findall(r"^#+ (.+)$", (settings.ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.M)


class Page(HTMLParser):
    """Ids, links and what could run or load something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if "id" in named:
            self.ids.append(named["id"])
        if tag == "a":
            self.links.append(named.get("href", ""))
        if tag in ("script", "img", "link") and (source := named.get("src") or named.get("href")):
            self.loaded.append(source)
        if (tag == "script" and "src" not in named) or tag == "style" or "style" in named:
            self.inline.append(tag)
        self.inline += [name for name in named if name.startswith("on")]


@pytest.fixture(params=["zh-hans", "en"])
def page(db: None, request: pytest.FixtureRequest) -> tuple[str, str]:
    """The language and the HTML."""
    response = Client().get("/api/docs", headers={"Accept-Language": request.param})
    assert response.status_code == 200
    return request.param, response.content.decode()


def test_the_page_shows_every_endpoint_and_code(page: tuple[str, str]) -> None:
    _language, text = page
    for path, methods in description()["paths"].items():
        assert path in text
        for described in methods.values():
            assert f'id="{described["operationId"]}"' in text
    for code in (*(problem.code for problem in PROBLEMS), *ALL_CODES):
        assert f"<code>{code}</code>" in text


def test_links_within_the_page_lead_somewhere_and_ids_are_unique(page: tuple[str, str]) -> None:
    parsed = Page(page[1])
    assert len(set(parsed.ids)) == len(parsed.ids)
    for link in parsed.links:
        assert not link.startswith("#") or link[1:] in parsed.ids, link


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing_inline(page: tuple[str, str]) -> None:
    parsed = Page(page[1])
    assert parsed.loaded
    assert all(source.startswith(("/static/", "static/")) for source in parsed.loaded)
    assert parsed.inline == []


def test_the_page_is_wholly_in_its_language(page: tuple[str, str]) -> None:
    language, text = page
    chinese = "每分钟" in text
    assert chinese == (language == "zh-hans")
    english = "Every start and end counts" in text
    assert english == (language == "en")


def test_what_looks_like_a_tag_is_shown(page: tuple[str, str]) -> None:
    assert page[1].count("&lt;key&gt;") >= 2
    assert "<key>" not in page[1]


@pytest.mark.usefixtures("worker")
def test_examples_of_the_page_are_calls_that_work(page: tuple[str, str], cast: Cast, alice: Caller) -> None:
    examples = re.findall(r"curl [^<]+", page[1])
    assert len(examples) == len(ENDPOINTS) + 2  # the first call, and both ways to hand in
    for example in examples:
        waiting = str(hand_in_text(cast.acme).pk)
        shown = html.unescape(example).replace("$DETECTION_ID", waiting)
        reply = called_like_curl(alice, shlex.split(shown.replace("\\\n", "")))
        assert reply.status < 300, (example, reply.content)


def called_like_curl(alice: Caller, command: list[str]) -> Reply:
    assert command.pop(0) == "curl"
    method, path, body = "", "", b""
    headers: dict[str, str] = {}
    fields: dict[str, Any] = {}
    arguments = iter(command)
    for argument in arguments:
        if argument == "-X":
            method = next(arguments)
        elif argument == "-H":
            name, _colon, value = next(arguments).partition(": ")
            headers[name] = value
        elif argument == "-d":
            body = next(arguments).encode()
        elif argument == "-F":
            name, _equals, value = next(arguments).partition("=")
            fields[name] = SimpleUploadedFile(value[1:], b"x") if value.startswith("@") else value
        else:
            path = argument.removeprefix(settings.SITE_URL)
    assert headers.pop("Authorization") == "Bearer $ZHENWEN_API_KEY"
    if fields:
        return alice.post_form(path, fields)
    return alice.call(method or ("POST" if body else "GET"), path, body, headers=headers)


def words_of(described: Any) -> Iterator[str]:
    """Every sentence for people in the description."""
    if isinstance(described, dict):
        for name, value in described.items():
            if name in ("description", "summary") and isinstance(value, str):
                yield value
            else:
                yield from words_of(value)
    elif isinstance(described, list):
        for value in described:
            yield from words_of(value)


def test_chinese_descriptions_are_translated() -> None:
    schema = api_schema("zh-hans")
    words = {*words_of(schema["paths"]), *words_of(schema["components"])}
    # A response of errors is described by their codes, an example by its name.
    codes = {problem.code for problem in PROBLEMS} | {"text", "texts", "file"}
    untranslated = {said for said in words if not re.search("[\u4e00-\u9fff]", said)}
    assert {said for said in untranslated if not set(said.split(", ")) <= codes} == set()
    assert len(words - untranslated) > 50


def test_problems_are_translated() -> None:
    with translation.override("zh-hans"):
        for problem in PROBLEMS:
            for words in (problem.title, problem.detail, problem.action):
                assert re.search("[\u4e00-\u9fff]", str(words)), words


@pytest.mark.parametrize(
    ("query", "accept", "content_type"),
    [
        ("", "", "application/yaml; charset=utf-8"),
        ("", "application/json", "application/json"),
        ("?format=json", "text/html", "application/json"),
    ],
)
def test_the_schema_is_served_as_checked_in(db: None, query: str, accept: str, content_type: str) -> None:
    response = Client().get(f"/api/schema{query}", headers={"Accept": accept})
    assert response["Content-Type"] == content_type
    served = yaml.safe_load(response.content)
    assert served == yaml.safe_load(check_openapi.PATH.read_text(encoding="utf-8"))
    assert served["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(served).validate()


def test_the_description_covers_every_endpoint() -> None:
    described = {
        (method.upper(), path.removeprefix("/api/v1/").replace("{detection_id}", NOBODYS_ID))
        for path, methods in description()["paths"].items()
        for method in methods
    }
    assert described == {(method, path) for method, path, _scope in ENDPOINTS}
    assert len(description()["paths"]) == len(urlpatterns)


def test_the_check_finds_a_description_that_is_out_of_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    settings.ROOT = tmp_path
    copy = tmp_path / "openapi.yaml"
    monkeypatch.setattr(check_openapi, "PATH", copy)
    call_command("check_openapi", "--write")
    call_command("check_openapi")
    copy.write_text(copy.read_text(encoding="utf-8").replace("operationId: detect\n", "operationId: look\n"))
    with pytest.raises(CommandError, match="look"):
        call_command("check_openapi")


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.code)
def test_every_problem_has_a_heading(problem: object) -> None:
    assert f"{problem.status} `{problem.code}`" in HEADINGS  # type: ignore[attr-defined]


@pytest.mark.parametrize(("method", "path", "scope"), ENDPOINTS)
def test_every_endpoint_has_a_heading(method: str, path: str, scope: str) -> None:
    assert f"`{method} /api/v1/{path.replace(NOBODYS_ID, '{id}')}`" in HEADINGS


def test_the_documentation_names_nothing_that_is_not_there() -> None:
    codes = {problem.code for problem in PROBLEMS}
    assert {heading for heading in HEADINGS if re.match(r"\d{3} `", heading)} == {
        f"{problem.status} `{problem.code}`" for problem in PROBLEMS
    }
    assert len(codes) == len(PROBLEMS)


def test_importing_the_api_loads_no_inference_library() -> None:
    program = (
        "import sys, django; django.setup(); import detection.api.urls, detection.api.views.documentation; "
        "print({'torch', 'openvino', 'transformers', 'tokenizers'} & set(sys.modules) or '')"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
