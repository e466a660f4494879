"""Log lines are JSON in the Elastic Common Schema, and hold no user's text."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.test import Client

from zhenwen.observability.logs import configure_logging, without_quoted_rows

SECRET = "这是学生论文里的一句话"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configure_logging({"level": "INFO"})
    for handler in root.handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.contextvars.clear_contextvars()


def only_line(lines: io.StringIO) -> dict[str, Any]:
    written = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert len(written) == 1, written
    line: dict[str, Any] = written[0]
    return line


def test_our_own_events_carry_schema_fields_and_bound_ids(lines: io.StringIO) -> None:
    structlog.contextvars.bind_contextvars(request_id="abc", organization_id=7)
    structlog.get_logger("zhenwen.sample").info("detection finished", detection_id="d-1", segments=3)
    line = only_line(lines)
    assert line["message"] == "detection finished"
    assert line["log.level"] == "info"
    assert line["log.logger"] == "zhenwen.sample"
    assert line["http.request.id"] == "abc"
    assert line["organization.id"] == 7
    assert line["zhenwen.detection.id"] == "d-1"
    assert line["labels.segments"] == 3
    assert line["@timestamp"].endswith("Z")
    assert line["ecs.version"]


def test_library_messages_become_the_same_json(lines: io.StringIO) -> None:
    logging.getLogger("some.library").warning("careful: %s", "now")
    line = only_line(lines)
    assert (line["message"], line["log.level"], line["log.logger"]) == (
        "careful: now",
        "warning",
        "some.library",
    )


def test_an_exception_names_its_type_and_message(lines: io.StringIO) -> None:
    try:
        raise ValueError("seven")
    except ValueError:
        structlog.get_logger("zhenwen.sample").exception("it broke")
    line = only_line(lines)
    assert (line["error.type"], line["error.message"]) == ("ValueError", "seven")
    assert "Traceback" in line["error.stack_trace"]


def test_a_row_that_postgres_quotes_is_left_out(lines: io.StringIO) -> None:
    try:
        raise RuntimeError(
            f'new row violates check constraint "x"\nDETAIL:  Failing row contains (1, {SECRET}\n第二行, 2).'
        )
    except RuntimeError:
        logging.getLogger("django.db").exception("refused")
    assert SECRET not in lines.getvalue()
    assert "第二行" not in lines.getvalue()
    assert "violates check constraint" in lines.getvalue()


def test_text_without_quoted_rows_is_left_as_it_is() -> None:
    assert without_quoted_rows("DETAIL is a word\nlike others") == "DETAIL is a word\nlike others"


@pytest.mark.django_db
def test_a_request_is_one_line_without_its_query(client: Client, lines: io.StringIO) -> None:
    client.get("/nothing-here/", {"q": SECRET})
    requests = [json.loads(line) for line in lines.getvalue().splitlines() if '"zhenwen.request"' in line]
    assert len(requests) == 1
    assert requests[0]["url.path"] == "/nothing-here/"
    assert requests[0]["http.response.status_code"] == 404
    assert SECRET not in lines.getvalue()
