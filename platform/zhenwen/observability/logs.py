"""JSON log lines in the Elastic Common Schema on standard error. Ids and counts only, never a user's text."""

from __future__ import annotations

import logging
import logging.config
import os
import re
from collections.abc import MutableMapping
from typing import Any

import structlog

ECS_VERSION = "8.17"
# What our code binds or passes, and what the schema calls it; anything else goes under labels.
FIELDS = {
    "event": "message",
    "level": "log.level",
    "logger": "log.logger",
    "request_id": "http.request.id",
    "method": "http.request.method",
    "path": "url.path",
    "status": "http.response.status_code",
    "duration_ns": "event.duration",
    "organization_id": "organization.id",
    "user_id": "user.id",
    "detection_id": "zhenwen.detection.id",
    "attempt": "zhenwen.detection.attempt",
    "queue": "zhenwen.queue",
    "model": "zhenwen.model",
}
# PostgreSQL quotes the row it refuses, and a row may hold a user's text.
_QUOTED_ROW = re.compile(
    r"^(DETAIL|CONTEXT):.*?(?=^\S+Error|^The above|^During handling|^Traceback|\Z)", re.M | re.S
)


def configure_logging(config: dict[str, Any]) -> None:
    """One JSON line per event, from structlog and from the standard library alike."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="@timestamp"),
    ]
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        structlog.processors.format_exc_info,
                        to_common_schema,
                        structlog.processors.JSONRenderer(ensure_ascii=False),
                    ],
                    "foreign_pre_chain": shared,
                },
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": ["stderr"], "level": config["level"]},
            # Django would repeat each 4xx and 5xx that our own request line already tells.
            "loggers": {"django.server": {"level": "WARNING"}, "django.request": {"level": "ERROR"}},
        }
    )
    structlog.configure(
        # What nobody will read costs nothing more.
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def to_common_schema(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Rename our fields to the schema's; put the rest under labels, as the schema asks."""
    line: dict[str, Any] = {
        "@timestamp": event.pop("@timestamp", None),
        "log.level": event.pop("level", "info"),
        "message": without_quoted_rows(str(event.pop("event", ""))),
        "ecs.version": ECS_VERSION,
        "service.name": "zhenwen",
        "process.pid": os.getpid(),
    }
    trace = event.pop("exception", None)
    if trace:
        line |= _error_fields(str(trace))
    for name, value in event.items():
        line[FIELDS.get(name) or f"labels.{name}"] = value
    return line


def without_quoted_rows(text: str) -> str:
    return (
        _QUOTED_ROW.sub(r"\1: (left out)\n", text).rstrip("\n")
        if "\nDETAIL:" in text or "\nCONTEXT:" in text
        else text
    )


def _error_fields(trace: str) -> dict[str, str]:
    clean = without_quoted_rows(trace)
    last = next((line for line in reversed(clean.splitlines()) if re.match(r"[\w.]+(:|$)", line)), "")
    kind, _, message = last.partition(":")
    return {"error.type": kind, "error.message": message.strip(), "error.stack_trace": clean}
