"""The list: what is in it, how it is narrowed down, and when it moves."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from detection.models import Detection, ModelVersion
from detection.reports.sheet import report_number
from detection.reports.wording import percentage
from detection.services.submission import Submitter, open_batch, submit_file, submit_text
from detection.web.listing import ROWS_A_PAGE
from tests.cast import Cast
from tests.services.detections import hand_in_text
from tests.web.papers import AI_PAPER, DOUBTFUL_PAPER, HUMAN_PAPER, judged_file, judged_text
from zhenwen.tenancy.scope import tenant_scope

ACME = "/o/acme/"


@pytest.fixture
def bob(cast: Cast) -> Client:
    return cast.client_of(cast.bob)


@pytest.fixture
def three(cast: Cast, fake_version: ModelVersion) -> tuple[Detection, Detection, Detection]:
    """Judged human, judged AI, still waiting."""
    return (
        judged_file(cast.acme, HUMAN_PAPER, "老街.txt"),
        judged_text(cast.acme, AI_PAPER, title="招牌研究"),
        hand_in_text(cast.acme, title="还在排队"),
    )


def page(client: Client, query: str = "") -> str:
    return client.get(ACME + query).content.decode()


def test_an_empty_list_says_what_to_do(bob: Client) -> None:
    assert "还没有文档" in page(bob)


def test_each_document_is_listed_with_its_result(bob: Client, three: tuple[Detection, ...]) -> None:
    content = page(bob)
    for words in ("老街.txt", "人工撰写", "招牌研究", "AI 生成", "还在排队", "等待检测"):
        assert words in content


def test_a_doubt_is_listed_without_the_number_that_reads_like_a_verdict(
    bob: Client, cast: Cast, fake_version: ModelVersion
) -> None:
    detection = judged_text(cast.acme, DOUBTFUL_PAPER)
    content = page(bob)
    assert "证据不足" in content
    assert percentage(detection.report.p_ai) not in content


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?verdict=ai", {"招牌研究"}),
        ("?verdict=human", {"老街.txt"}),
        ("?state=open", {"还在排队"}),
        ("?state=succeeded", {"老街.txt", "招牌研究"}),
        ("?q=招牌", {"招牌研究"}),
        ("?q=老街", {"老街.txt"}),
        ("?q=%00", {"老街.txt", "招牌研究", "还在排队"}),
        ("?verdict=guilty&state=odd", {"老街.txt", "招牌研究", "还在排队"}),
        ("?q=nothing", set()),
    ],
)
def test_the_list_is_narrowed_down(
    query: str, shown: set[str], bob: Client, three: tuple[Detection, ...]
) -> None:
    content = bob.get(ACME + query, headers={"HX-Request": "true"}).content.decode()
    assert {title for title in ("老街.txt", "招牌研究", "还在排队") if f">{title}</a>" in content} == shown


def test_a_report_number_finds_its_document(bob: Client, three: tuple[Detection, ...]) -> None:
    content = page(bob, f"?q={report_number(three[1])}")
    assert ">招牌研究</a>" in content
    assert ">老街.txt</a>" not in content


def test_the_list_asks_again_only_while_something_is_in_progress(
    bob: Client, three: tuple[Detection, ...]
) -> None:
    assert "every 2s" in page(bob)
    assert "every 2s" not in page(bob, "?state=succeeded")


def test_htmx_gets_the_list_alone_and_nobody_caches_it(bob: Client, three: tuple[Detection, ...]) -> None:
    response = bob.get(ACME, headers={"HX-Request": "true"})
    assert response.content.decode().startswith('<div id="listing"')
    assert "HX-Request" in response.headers["Vary"]
    assert "no-store" in response.headers["Cache-Control"]


def test_long_lists_have_pages_that_keep_the_filters(cast: Cast, bob: Client) -> None:
    with tenant_scope(cast.acme.id):
        for number in range(ROWS_A_PAGE + 1):
            submit_text(
                organization_id=cast.acme.id,
                text=HUMAN_PAPER,
                title=f"作业{number:02}",
                submitter=Submitter(user=None, label="bob"),
            )
    first, second = page(bob, "?q=作业"), page(bob, "?q=作业&page=2")
    assert "?q=%E4%BD%9C%E4%B8%9A&amp;page=2" in first
    assert ">作业00</a>" in second
    assert ">作业00</a>" not in first


def test_mallory_sees_only_her_own(cast: Cast, three: tuple[Detection, ...]) -> None:
    content = cast.client_of(cast.mallory).get("/o/rival/").content.decode()
    assert "招牌研究" not in content


def test_a_batch_counts_what_is_done(cast: Cast, bob: Client, fake_version: ModelVersion) -> None:
    submitter = Submitter(user=cast.bob, label="bob")
    with tenant_scope(cast.acme.id):
        batch = open_batch(organization_id=cast.acme.id, submitter=submitter, name="毕业论文")
        for name in ("a.txt", "b.txt"):
            submit_file(
                organization_id=cast.acme.id,
                data=HUMAN_PAPER.encode(),
                filename=name,
                submitter=submitter,
                batch=batch,
            )
    content = bob.get(reverse("batch", args=["acme", batch.id])).content.decode()
    assert "毕业论文" in content
    assert "已完成 0 / 2" in content
    assert "every 2s" in content
