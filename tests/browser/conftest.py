from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.db import connections
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer
from redis import Redis

from detection.models import Detection
from detection.states import State
from tests.cast import Cast, make_cast
from tests.services.detections import active_fake_version, extract, score
from tests.web.papers import JudgingModel
from zhenwen.tenancy.scope import operator_scope

OFFLINE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = (1280, 800)
PHONE = (390, 844)

OpenPage = Callable[..., Page]


@pytest.fixture
def live_cast(transactional_db: None) -> Cast:
    """The cast, committed, so that the server's own threads see it; and a model in service."""
    Redis.from_url(settings.REDIS_URL).flushdb()
    active_fake_version()
    return make_cast()


@pytest.fixture
def browser(
    chromium_path: str, live_cast: Cast, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Browser]:
    # playwright's loop runs in this thread, and Django takes any running loop for asynchronous code.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=OFFLINE)
        yield browser
        browser.close()
        # Beside a running loop this thread had database connections of their own.
        connections.close_all()


@pytest.fixture
def open_page(browser: Browser, live_server: LiveServer) -> Iterator[OpenPage]:
    """A page of a fresh browser. A complaint in its console fails the test: of the security policy, say."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def open_page(*, size: tuple[int, int] = WIDE, language: str = "zh-CN", scripts: bool = True) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale=language,
            base_url=live_server.url,
            java_script_enabled=scripts,
        )
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_page
    assert complaints == []


def sign_in(page: Page, email: str = "bob@example.com") -> None:
    page.goto("/")
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill("correct horse")
    page.locator("main form button").click()
    page.wait_for_url("**/o/acme/")


def work() -> None:
    """What the workers would do with everything that is open."""
    for state, step in ((State.QUEUED, extract), (State.QUEUED_FOR_SCORING, _judge)):
        with operator_scope():
            waiting = list(Detection.objects.filter(state=state))
        for detection in waiting:
            step(detection)


def _judge(detection: Detection) -> Detection:
    return score(detection, JudgingModel())
