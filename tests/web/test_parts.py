"""The parts a report is drawn from."""

from __future__ import annotations

import re

import pytest

from detection.reports.marked_text import marked_text
from detection.reports.passages import PART_ENDS, STRIP_WIDTH, excerpt, parts, passages, stacked, strip
from detection.reports.scale import WIDTH, position, probability_scale
from detection.reports.wording import (
    ATTACKS,
    EXCLUSIONS,
    INCONCLUSIVE_REASONS,
    SENTENCE_LABELS,
    VERDICTS,
    percentage,
    percentages_told_apart,
)
from detection.scoring.types import BlockKind, ExcludedSpan, SentenceResult, Verdict
from detection.scoring.verdict import ABSTENTIONS

AI, HUMAN = Verdict.AI, Verdict.HUMAN


def sentence(start: int, end: int, verdict: Verdict) -> SentenceResult:
    return SentenceResult(start, end, 0.9 if verdict is AI else 0.1, verdict, characters=end - start)


def excluded(start: int, end: int, reason: BlockKind) -> ExcludedSpan:
    return ExcludedSpan(start, end, reason, characters=end - start)


def sentences(*verdicts: Verdict, length: int = 10) -> list[SentenceResult]:
    return [sentence(index * length, (index + 1) * length, verdict) for index, verdict in enumerate(verdicts)]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (0.0004, "<0.1%"), (0.05, "5%"), (0.1234, "12.3%"), (0.9995, ">99.9%"), (1, "100%")],
)
def test_percentages_claim_no_certainty_that_is_not_there(share: float, text: str) -> None:
    assert percentage(share) == text


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (0.956, 0.992, ("95.6%", "99.2%")),
        (0.99643, 0.99597, ("99.64%", "99.6%")),
        (0.99962, 0.9995, ("99.96%", "99.95%")),
        (0.9, 0.9, ("90%", "90%")),
    ],
)
def test_a_number_just_above_another_does_not_read_the_same(
    first: float, second: float, words: tuple[str, str]
) -> None:
    assert percentages_told_apart(first, second) == words


def test_every_code_has_words() -> None:
    assert set(VERDICTS) == set(Verdict)
    assert set(EXCLUSIONS) == set(BlockKind) - {BlockKind.PROSE}
    assert set(ATTACKS) == {"zero_width", "homoglyph", "bidi_control", "spaced_characters"}
    assert set(SENTENCE_LABELS) == {verdict.value for verdict in Verdict} - {"mixed"}
    assert ABSTENTIONS | {"between_thresholds", "no_passage_to_show"} <= set(INCONCLUSIVE_REASONS)


def test_the_scale_is_even_in_log_odds() -> None:
    assert position(0.5) == WIDTH / 2
    assert position(0.9) - position(0.5) == pytest.approx(position(0.5) - position(0.1))
    assert position(0) == 0
    assert position(1) == WIDTH


def test_a_threshold_that_nothing_passes_is_not_drawn() -> None:
    assert probability_scale(p_ai=0.4, threshold=1.0).threshold_x is None
    assert probability_scale(p_ai=0.4, threshold=0.97).threshold_x == position(0.97)


def test_neighbours_of_one_verdict_are_one_passage() -> None:
    found = passages(sentences(HUMAN, AI, AI, HUMAN))
    assert [(p.verdict, p.start, p.end, p.first_sentence) for p in found] == [
        (HUMAN, 0, 10, 0),
        (AI, 10, 30, 1),
        (HUMAN, 30, 40, 3),
    ]
    assert found[1].p_ai == pytest.approx(0.9)


def test_an_excerpt_leaves_out_what_stands_between_the_sentences() -> None:
    text = "第一句。\n二、标题\n第二句。第三句。"
    found = [
        sentence(0, 4, AI),
        sentence(10, 14, AI),
        sentence(14, 18, HUMAN),
    ]
    assert excerpt(text, passages(found)[0], found) == "第一句。第二句。"


def test_parts_count_every_scored_character_once() -> None:
    found = parts(sentences(*[AI] * 2, *[HUMAN] * 6, *[AI] * 2))
    assert len(found) == len(PART_ENDS)
    assert [part.characters for part in found] == [20, 60, 20]
    assert [part.ai_share for part in found] == [1, 0, 1]


def test_a_sentence_across_a_border_counts_on_both_sides_with_what_stands_there() -> None:
    found = parts(sentences(HUMAN, AI, length=50))
    assert [part.characters for part in found] == [20, 60, 20]
    assert [part.ai_share for part in found] == [0, 0.5, 1]


def test_one_sentence_alone_fills_every_part() -> None:
    assert [part.ai_share for part in parts(sentences(AI, length=37))] == [1, 1, 1]


def test_where_nothing_was_scored_the_parts_are_empty() -> None:
    assert [(part.characters, part.bars) for part in parts([])] == [(0, ())] * len(PART_ENDS)


def test_the_strip_covers_the_document_in_proportion() -> None:
    bars = strip(passages(sentences(HUMAN, AI)), [excluded(20, 40, BlockKind.REFERENCE)])
    drawn = {bar.kind: (bar.x, bar.width) for bar in bars}
    assert drawn == {"human": (0, 250), "ai": (250, 250), "excluded": (500, 500)}
    assert bars[-1].kind == "ai"


def test_one_accused_sentence_of_a_thesis_can_be_seen_on_the_strip() -> None:
    bars = strip(passages(sentences(*[HUMAN] * 5000, AI, *[HUMAN] * 5000)), [])
    assert next(bar for bar in bars if bar.kind == "ai").width > 1


def test_shares_fill_the_bar() -> None:
    bars = stacked({"human": 0.5, "ai": 0.3, "inconclusive": 0.2})
    assert [bar.kind for bar in bars] == ["human", "inconclusive", "ai"]
    assert sum(bar.width for bar in bars) == STRIP_WIDTH


def test_all_of_the_text_is_shown_once_and_in_order() -> None:
    text = "标题\n第一句。第二句。\n\n参考文献\n[1] 甲"
    html = marked_text(
        text,
        [sentence(3, 7, HUMAN), sentence(7, 11, AI)],
        [excluded(0, 2, BlockKind.HEADING), excluded(13, 23, BlockKind.REFERENCE)],
    )
    assert re.sub(r"<[^>]+>", "", html).split() == text.split()
    assert html.count("<p>") == 4
    assert '<span id="s1" class="s s-ai" data-p="90%">第二句。</span>' in html


def test_a_sentence_over_a_line_end_stays_one() -> None:
    html = marked_text("一句话分\n在两行。", [sentence(0, 9, AI)], [])
    assert html == '<p><span id="s0" class="s s-ai" data-p="90%">一句话分在两行。</span></p>'


def test_overlapping_spans_show_no_character_twice() -> None:
    html = marked_text("甲乙丙丁", [sentence(0, 3, AI), sentence(2, 4, AI)], [])
    assert re.sub(r"<[^>]+>", "", html) == "甲乙丙丁"
