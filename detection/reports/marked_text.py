"""The text of a document as HTML, each sentence marked with what was found. Quick for whole theses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from detection.reports.wording import EXCLUSIONS, percentage
from detection.scoring.types import BlockKind, ExcludedSpan, SentenceResult

_LINE_END = re.compile(r"\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")
# A line that was only wrapped; between Chinese characters no space takes its place.
_WRAPPED_CHINESE = re.compile(
    r"(?<=[\u3000-\u9fff\uff00-\uffef])\s*[\r\n]+\s*|\s*[\r\n]+\s*(?=[\u3000-\u9fff])"
)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of the text: a sentence, something excluded, or (both None) what stands between."""

    start: int
    end: int
    sentence: int | None = None
    excluded: BlockKind | None = None


def marked_text(
    text: str, sentences: Sequence[SentenceResult], excluded: Sequence[ExcludedSpan]
) -> SafeString:
    """One <p> per line of the document; a sentence that runs over a line end keeps its paragraph together.

    Sentences are `<span id="s0" class="s s-ai" data-p="97%">`, for the script that explains them on pointing
    and on focus.
    """
    paragraphs = _paragraphs(text, list(_pieces(text, sentences, excluded)))
    return format_html_join(
        "\n",
        "<p>{}</p>",
        (
            (format_html_join("", "{}", ((_markup(text, piece, sentences),) for piece in paragraph)),)
            for paragraph in paragraphs
        ),
    )


def _pieces(
    text: str, sentences: Sequence[SentenceResult], excluded: Sequence[ExcludedSpan]
) -> Iterator[_Piece]:
    """All of the text, in order and without overlap."""
    marked = [_Piece(s.start, s.end, sentence=number) for number, s in enumerate(sentences)]
    marked += [_Piece(span.start, span.end, excluded=span.reason) for span in excluded]
    done = 0
    for piece in sorted(marked, key=lambda piece: (piece.start, piece.end)):
        if piece.start < done or piece.end <= piece.start:
            continue
        if piece.start > done:
            yield _Piece(done, piece.start)
        yield piece
        done = piece.end
    if done < len(text):
        yield _Piece(done, len(text))


def _paragraphs(text: str, pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    paragraph: list[_Piece] = []
    for piece in pieces:
        if piece.sentence is not None:
            paragraph.append(piece)
            continue
        start = piece.start
        for line_end in _LINE_END.finditer(text, piece.start, piece.end):
            paragraph.append(_Piece(start, line_end.start(), excluded=piece.excluded))
            if _is_visible(text, paragraph):
                yield paragraph
            paragraph, start = [], line_end.end()
        paragraph.append(_Piece(start, piece.end, excluded=piece.excluded))
    if _is_visible(text, paragraph):
        yield paragraph


def _is_visible(text: str, paragraph: Sequence[_Piece]) -> bool:
    return any(text[piece.start : piece.end].strip() for piece in paragraph)


def _markup(text: str, piece: _Piece, sentences: Sequence[SentenceResult]) -> SafeString | str:
    content = text[piece.start : piece.end]
    if piece.sentence is not None:
        sentence = sentences[piece.sentence]
        return format_html(
            '<span id="s{}" class="s s-{}" data-p="{}">{}</span>',
            piece.sentence,
            sentence.verdict.value,
            percentage(sentence.p_ai),
            _WRAPPED_CHINESE.sub("", content) if "\n" in content else content,
        )
    if piece.excluded is not None and content.strip():
        return format_html(
            '<span class="x" data-reason="{}">{}</span>', EXCLUSIONS.get(piece.excluded, ""), content
        )
    return content
