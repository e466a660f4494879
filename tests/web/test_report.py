"""The report page, from a running detection to one whose text is gone."""

from __future__ import annotations

import json
import re
import time

import pytest
from django.test import Client
from django.urls import reverse

from detection.errors import DetectionError
from detection.models import Detection, DocumentContent
from detection.reports.sheet import ReportSheet, report_number
from detection.services.lifecycle import fail_detection
from detection.states import State
from tests.cast import Cast
from tests.services.detections import fresh, hand_in_text
from tests.web.papers import AI_PAPER, DOUBTFUL_PAPER, HUMAN_PAPER, MIXED_PAPER, SHORT_TEXT, judged_text
from zhenwen.tenancy.scope import tenant_scope

pytestmark = pytest.mark.usefixtures("fake_version")


@pytest.fixture
def bob(cast: Cast) -> Client:
    return cast.client_of(cast.bob)


def page(client: Client, detection: Detection, *, language: str = "zh-hans") -> str:
    headers = {"Accept-Language": language}
    return client.get(reverse("detection", args=["acme", detection.id]), headers=headers).content.decode()


@pytest.mark.parametrize(
    ("text", "label", "meaning"),
    [
        (HUMAN_PAPER, "人工撰写", "没有指向语言模型的迹象"),
        (AI_PAPER, "AI 生成", "全文整体上与语言模型生成的文字一致"),
        (MIXED_PAPER, "人机混合", "部分内容与语言模型生成的文字一致"),
        (SHORT_TEXT, "证据不足", "这不代表有嫌疑"),
    ],
)
def test_every_verdict_is_explained(text: str, label: str, meaning: str, cast: Cast, bob: Client) -> None:
    content = page(bob, judged_text(cast.acme, text))
    assert label in content
    assert meaning in content
    assert "不能作为处理任何人的唯一依据" in content


def test_a_report_says_how_sure_it_is_and_what_it_rests_on(cast: Cast, bob: Client) -> None:
    detection = judged_text(cast.acme, MIXED_PAPER)
    content = page(bob, detection)
    report = detection.report
    for words in (
        report_number(detection),
        report.model_name,
        report.model_digest[:16],
        report.calibration_digest[:16],
        "容许的误判率",
        "误判率的 95% 上限为 1.5%",
        "500 篇",
    ):
        assert words in content


def test_sentences_are_marked_and_the_rest_is_named(cast: Cast, bob: Client) -> None:
    content = page(bob, judged_text(cast.acme, MIXED_PAPER))
    assert re.search(r'class="s s-ai" data-p="[\d.]+%">综上所述', content)
    assert re.search(r'class="s s-human" data-p="[\d.]+%">外公', content)
    assert re.search(r'class="x" data-reason="参考文献">\[1\]', content)
    assert "疑似 AI 片段" in content
    assert "未计入的内容" in content


def test_the_report_is_complete_in_english(cast: Cast, bob: Client) -> None:
    content = page(bob, judged_text(cast.acme, MIXED_PAPER), language="en")
    assert "Human and AI mixed" in content
    assert "It must not be the only basis of a decision about anybody." in content
    own_words = re.sub(
        r'<div class="sheet__text".*?</div>|<h1.*?</h1>|<title.*?</title>|<a [^>]*#s\d.*?</a>',
        "",
        content,
        flags=re.DOTALL,
    )
    assert set(re.findall(r"[\u4e00-\u9fff]+", own_words)) == {"中文"}


def test_a_short_text_is_given_no_probability(cast: Cast, bob: Client) -> None:
    content = page(bob, judged_text(cast.acme, SHORT_TEXT))
    assert "文本太短" in content
    assert "scale__marker" not in content
    assert "判定线" not in content


def test_what_counts_nothing_as_ai_shows_no_share_of_none(cast: Cast, bob: Client) -> None:
    content = page(bob, judged_text(cast.acme, DOUBTFUL_PAPER))
    assert "证据不足" in content
    assert "后部 20%" in content
    assert "part__share" not in content


def test_the_rows_of_a_report_add_up_to_its_totals(cast: Cast) -> None:
    text = MIXED_PAPER.replace("具有", " 具 有 ") + "\n[3] Miller A. Signs of a Town[J]. Streets, 2001: 3-9."
    report = judged_text(cast.acme, text).report
    sheet = ReportSheet(report=report, text=None)
    assert sum(row.characters for row in sheet.exclusion_rows) == report.characters_excluded
    assert sum(passage.characters for passage in sheet.passages) == report.characters
    assert sum(part.characters for part in sheet.parts) == report.characters
    assert sum(row.passage.characters for row in sheet.accusing_rows) == sheet.ai_characters


def test_hidden_characters_are_reported(cast: Cast, bob: Client) -> None:
    content = page(bob, judged_text(cast.acme, AI_PAPER.replace("重要", "重\u200b要")))
    assert "不可见字符" in content


def test_what_was_sent_stays_text(cast: Cast, bob: Client) -> None:
    evil = '<script>alert("x")</script>'
    content = page(bob, judged_text(cast.acme, f"{evil}{HUMAN_PAPER}{evil}", title=evil))
    assert "<script>alert" not in content
    assert "&lt;script&gt;alert" in content


def test_a_thesis_is_shown_quickly(cast: Cast, bob: Client) -> None:
    detection = judged_text(cast.acme, MIXED_PAPER * 150)
    started = time.perf_counter()
    content = page(bob, detection)
    assert time.perf_counter() - started < 3
    assert len(MIXED_PAPER * 150) > 80_000
    assert "sheet__text--long" in content


def test_the_json_can_be_downloaded(cast: Cast, bob: Client) -> None:
    detection = judged_text(cast.acme, MIXED_PAPER)
    response = bob.get(reverse("report_json", args=["acme", detection.id]))
    assert f'filename="{report_number(detection)}.json"' in response.headers["Content-Disposition"]
    payload = json.loads(response.content)
    assert payload["id"] == str(detection.id)
    assert payload["result"]["verdict"] == "mixed"


def test_a_report_outlives_its_text(cast: Cast, bob: Client) -> None:
    detection = judged_text(cast.acme, MIXED_PAPER)
    with tenant_scope(cast.acme.id):
        DocumentContent.objects.filter(document=detection.document).delete()
    content = page(bob, detection)
    assert "人机混合" in content
    assert "原文已不在此处" in content
    assert "综上所述" not in content


def test_a_running_detection_asks_again_until_it_has_ended(cast: Cast, bob: Client) -> None:
    detection = hand_in_text(cast.acme, HUMAN_PAPER)
    address = reverse("detection", args=["acme", detection.id])
    assert "等待检测" in page(bob, detection)
    part = bob.get(address, headers={"HX-Request": "true"})
    assert part.content.decode().startswith('<div id="progress"')
    with tenant_scope(cast.acme.id):
        fail_detection(detection=detection, code=DetectionError.ATTEMPTS_EXHAUSTED)
    assert bob.get(address, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"


def test_a_failure_says_what_happened_and_what_to_do(cast: Cast, bob: Client) -> None:
    detection = hand_in_text(cast.acme, HUMAN_PAPER)
    with tenant_scope(cast.acme.id):
        fail_detection(detection=detection, code="no_text_layer")
    content = page(bob, detection)
    assert "没有可以读取的文字" in content
    assert "OCR" in content
    assert "没有计费" in content


def test_cancelling_is_asked_and_then_done(cast: Cast, bob: Client) -> None:
    detection = hand_in_text(cast.acme, HUMAN_PAPER)
    address = reverse("cancel_detection", args=["acme", detection.id])
    assert "取消这次检测？" in bob.get(address).content.decode()
    assert fresh(detection).state == State.QUEUED_FOR_SCORING
    assert "检测已取消" in bob.post(address, follow=True).content.decode()
    assert fresh(detection).state == State.CANCELLED


def test_what_has_ended_is_not_cancelled(cast: Cast, bob: Client) -> None:
    detection = judged_text(cast.acme, HUMAN_PAPER)
    response = bob.post(reverse("cancel_detection", args=["acme", detection.id]), follow=True)
    assert "取消之前检测已经结束" in response.content.decode()
    assert fresh(detection).state == State.SUCCEEDED


def test_erasing_is_asked_and_then_done(cast: Cast, bob: Client) -> None:
    detection = judged_text(cast.acme, HUMAN_PAPER, title="老街")
    address = reverse("erase_document", args=["acme", detection.id])
    assert "删除这篇文档？" in bob.get(address).content.decode()
    assert "文档已删除" in bob.post(address, follow=True).content.decode()
    assert bob.get(reverse("detection", args=["acme", detection.id])).status_code == 404
    with tenant_scope(cast.acme.id):
        assert not Detection.objects.exists()
