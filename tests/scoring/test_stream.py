from __future__ import annotations

from collections.abc import Iterator, Sequence

from detection.scoring.calibration import uncalibrated
from detection.scoring.content import result_content
from detection.scoring.prepare import plain_document
from detection.scoring.stream import GROUP_DOCUMENTS, detect_stream
from detection.scoring.types import DetectionResult, ExtractedDocument, SegmentInput, SegmentScore
from detection.scoring.verdict import detect
from tests.scoring.fake import FakeScorer

SENTENCE = "那年秋天我搬到河边住，早上常听见船工说话，日子过得很慢也很安静。"


class CountingScorer(FakeScorer):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []

    def score(self, segments: Sequence[SegmentInput]) -> list[SegmentScore]:
        self.calls.append(len(segments))
        return super().score(segments)


def documents(count: int) -> Iterator[tuple[int, ExtractedDocument | None]]:
    for number in range(count):
        yield number, None if number % 7 == 3 else plain_document(SENTENCE * (1 + number % 30))


def streamed(
    items: Iterator[tuple[int, ExtractedDocument | None]], scorer: FakeScorer
) -> Iterator[tuple[int, DetectionResult | None]]:
    return detect_stream(items, scorer=scorer, calibration=uncalibrated(), tolerated_fpr=0.01)


def test_every_document_gets_its_own_result_in_order() -> None:
    for (number, result), (_, document) in zip(
        streamed(documents(100), FakeScorer()), documents(100), strict=True
    ):
        expected = document and detect(
            document=document, scorer=FakeScorer(), calibration=uncalibrated(), tolerated_fpr=0.01
        )
        assert result == expected, number


def test_documents_share_batches() -> None:
    scorer = CountingScorer()
    assert len(list(streamed(documents(100), scorer))) == 100
    assert len(scorer.calls) < 5


def test_an_endless_stream_is_answered_as_it_comes() -> None:
    taken = 0

    def endless() -> Iterator[tuple[int, ExtractedDocument | None]]:
        nonlocal taken
        while True:
            taken += 1
            yield taken, plain_document(SENTENCE)

    results = streamed(endless(), FakeScorer())
    for _ in range(3):
        next(results)
    assert taken <= GROUP_DOCUMENTS


def test_the_fields_outside_python() -> None:
    content = result_content(
        detect(
            document=plain_document(SENTENCE * 4),
            scorer=FakeScorer(),
            calibration=uncalibrated(),
            tolerated_fpr=0.01,
        )
    )
    assert {"verdict", "p_ai", "characters", "shares", "sentences", "excluded", "model"} <= content.keys()
    assert content["sentences"][0] == {
        "start": 0,
        "end": 32,
        "p_ai": 0.017986,
        "verdict": "inconclusive",
        "characters": 32,
    }
    assert content["shares"] == {"human": 0.0, "ai": 0.0, "inconclusive": 1.0}
