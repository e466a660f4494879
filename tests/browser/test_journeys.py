"""What people do with the product, in a real browser."""

from __future__ import annotations

import io
from pathlib import Path

import docx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, WIDE, OpenPage, sign_in, work
from tests.cast import Cast
from tests.web.papers import AI_PAPER, HUMAN_PAPER, MIXED_PAPER, judged_file, judged_text

pytestmark = pytest.mark.browser


def word_file(path: Path, text: str) -> Path:
    document = docx.Document()
    for line in text.splitlines():
        document.add_paragraph(line)
    buffer = io.BytesIO()
    document.save(buffer)
    path.write_bytes(buffer.getvalue())
    return path


def test_a_paper_from_upload_to_report(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    sign_in(page)
    page.locator("#files").set_input_files(word_file(tmp_path / "老街.docx", MIXED_PAPER))
    expect(page.locator("#uploads")).to_contain_text("已接收")
    row = page.locator("#listing tbody tr").filter(has_text="老街.docx")
    expect(row).to_contain_text("排队中")

    work()
    expect(row).to_contain_text("人机混合")  # by itself

    row.locator("th a").first.click()
    expect(page.locator("#verdict")).to_have_text("人机混合")
    sentence = page.locator(".s-ai").first
    sentence.scroll_into_view_if_needed()
    sentence.hover()
    expect(page.locator("#tip")).to_contain_text("AI 概率")

    page.get_by_role("button", name="English").click()
    expect(page.locator("#verdict")).to_have_text("Human and AI mixed")


def test_several_files_each_for_itself(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    sign_in(page)
    good = [tmp_path / name for name in ("甲.txt", "乙.md")]
    for path, text in zip(good, (HUMAN_PAPER, AI_PAPER), strict=True):
        path.write_text(text, "utf-8")
    old, empty = tmp_path / "旧.doc", tmp_path / "空.txt"
    old.write_bytes(b"x")
    empty.write_bytes(b"")
    page.locator("#files").set_input_files([*good, old, empty])

    uploads = page.locator("#uploads")
    expect(uploads.get_by_role("listitem").filter(has_text="旧.doc")).to_contain_text("另存为 .docx")
    expect(uploads.get_by_role("listitem").filter(has_text="空.txt")).to_contain_text("文件是空的")
    expect(uploads).to_contain_text("已接收: 2")
    uploads.get_by_role("link", name="查看整个批次").click()
    expect(page.locator("#batch h2").first).to_have_text("已完成 0 / 2")

    work()
    expect(page.locator("#batch h2").first).to_have_text("已完成 2 / 2")
    expect(page.locator(".tally")).to_contain_text("AI 生成")


def test_a_dropped_file_is_taken(open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page)
    transfer = page.evaluate_handle(
        """text => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([text], "拖进来.txt"));
          return transfer;
        }""",
        HUMAN_PAPER,
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    expect(page.locator("#listing")).to_contain_text("拖进来.txt")


def test_a_pasted_text_becomes_a_report_before_ones_eyes(open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page)
    page.get_by_role("tab", name="粘贴文本").click()
    page.get_by_label("正文").fill(AI_PAPER)
    characters = len("".join(AI_PAPER.split()))
    expect(page.locator("[data-counts]")).to_have_text(f"{characters}")
    page.get_by_role("button", name="开始检测").click()
    expect(page.locator("#progress")).to_contain_text("等待检测")
    work()
    expect(page.locator("#verdict")).to_have_text("AI 生成")


def test_everything_is_within_reach_of_the_keyboard(open_page: OpenPage, live_cast: Cast) -> None:
    detection = judged_file(live_cast.acme, MIXED_PAPER, "老街.txt")
    page = open_page()
    sign_in(page)
    page.reload()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="跳到正文")).to_be_focused()
    page.get_by_role("tab", name="上传文件").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("正文")).to_be_visible()
    page.goto(f"/o/acme/detections/{detection.id}/")
    page.locator("#sheet-text").focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(page.locator(".s.is-current")).to_have_id("s2")
    expect(page.locator("#tip")).to_be_visible()


def test_without_scripts_files_are_still_taken(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(scripts=False)
    sign_in(page)
    page.locator("#files").set_input_files(word_file(tmp_path / "老街.docx", HUMAN_PAPER))
    page.locator("#upload button").click()
    expect(page.get_by_role("heading", name="老街.docx")).to_be_visible()


PATHS = ("", "usage/", "keys/", "members/", "policy/", "?q=nothing")


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("language", ["zh-CN", "en-US"])
def test_no_page_is_wider_than_the_screen(
    size: tuple[int, int], language: str, open_page: OpenPage, live_cast: Cast
) -> None:
    reports = [
        judged_file(live_cast.acme, MIXED_PAPER, f"{'a' * 60}_very_long_file_name_{'b' * 60}.txt"),
        judged_text(live_cast.acme, f"{HUMAN_PAPER}{'x' * 400}"),
    ]
    page = open_page(size=size, language=language)
    page.goto("/accounts/login/")
    assert overflow(page) == 0
    sign_in(page, "alice@example.com")
    addresses = [*PATHS, *(f"detections/{report.id}/" for report in reports)]
    assert {address: overflow_at(page, f"/o/acme/{address}") for address in addresses} == dict.fromkeys(
        addresses, 0
    )


def overflow_at(page: Page, address: str) -> int:
    page.goto(address)
    return overflow(page)


def overflow(page: Page) -> int:
    """By how many pixels the page can be scrolled sideways."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wide
