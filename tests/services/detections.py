"""Texts, a scorer that costs nothing, and short ways through a detection's life."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TypeVar

from django.db import connection
from django.utils import timezone

from accounts.models import Organization
from detection.models import Detection, ModelVersion
from detection.scoring.calibration import Calibration, uncalibrated
from detection.scoring.fake import FakeScorer
from detection.scoring.types import SegmentInput, SegmentScore
from detection.services.extraction import extract_document
from detection.services.scoring import score_document
from detection.services.submission import Submitter, submit_file, submit_text
from zhenwen.ledger.models import LedgerEntry
from zhenwen.ledger.services import current_allowance
from zhenwen.tenancy.scope import operator_scope, tenant_scope

T = TypeVar("T")

SENTENCES = (
    "春天的傍晚，我沿着江边慢慢走回家，风里有一点潮湿的味道。",
    "城市更新中的社区参与，需要居民、街道和设计师坐在同一张桌子旁边讨论。",
    "调查在三个街区进行，历时四个月，访谈了五十七位年龄不同的住户。",
    "结果与我们出发时的想法并不一致，许多人更关心楼道里的灯和门口的台阶。",
)
BOB = Submitter(user=None, label="bob@example.com")


def paper(characters: int, *, number: int = 0) -> str:
    """A text of about this many characters; another number, another text."""
    text = f"这是第{number}号文稿。"
    while len(text) < characters:
        text += SENTENCES[len(text) % len(SENTENCES)]
    return text


class FakeModel(FakeScorer):
    """Counts what it scores, and lets a test happen in the middle of it."""

    def __init__(self, meanwhile: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.scored = 0
        self._meanwhile = meanwhile

    @property
    def calibration(self) -> Calibration:
        return uncalibrated()

    def score(self, segments: Sequence[SegmentInput]) -> list[SegmentScore]:
        self.scored += len(segments)
        if self._meanwhile is not None:
            self._meanwhile()
        return super().score(segments)


def active_fake_version() -> ModelVersion:
    return ModelVersion.objects.create(
        name="fake",
        digest=FakeScorer().model_digest,
        calibration_digest=uncalibrated().digest,
        folder="none",
        status=ModelVersion.Status.ACTIVE,
    )


def hand_in_text(organization: Organization, text: str = "", *, title: str = "") -> Detection:
    with tenant_scope(organization.id):
        return submit_text(
            organization_id=organization.id, text=text or paper(600), submitter=BOB, title=title
        )


def hand_in_file(organization: Organization, data: bytes, filename: str = "论文.txt") -> Detection:
    with tenant_scope(organization.id):
        return submit_file(organization_id=organization.id, data=data, filename=filename, submitter=BOB)


def extract(detection: Detection) -> Detection:
    extract_document(
        organization_id=detection.organization_id,
        detection_id=str(detection.pk),
        attempt=detection.attempt,
    )
    return fresh(detection)


def score(detection: Detection, model: FakeModel | None = None) -> Detection:
    scorer = model or FakeModel()
    score_document(
        organization_id=detection.organization_id,
        detection_id=str(detection.pk),
        attempt=detection.attempt,
        scorer_for=lambda _version: scorer,
    )
    return fresh(detection)


def fresh(detection: Detection) -> Detection:
    with tenant_scope(detection.organization_id):
        return Detection.objects.select_related("document").get(pk=detection.pk)


def expire_lease(detection: Detection) -> None:
    """As if the worker had been silent for an hour."""
    with operator_scope():
        long_ago = timezone.now() - timedelta(hours=1)
        Detection.objects.filter(pk=detection.pk).update(lease_expires_at=long_ago)


def balance(organization: Organization) -> tuple[int, int]:
    """Characters reserved and used."""
    with tenant_scope(organization.id):
        allowance = current_allowance(organization_id=organization.id)
        return allowance.reserved_characters, allowance.used_characters


def entries(detection: Detection) -> list[str]:
    """The kinds of ledger entries about a detection, in order."""
    with tenant_scope(detection.organization_id):
        rows = LedgerEntry.objects.filter(reference=detection.ledger_reference)
        return list(rows.order_by("id").values_list("kind", flat=True))


def at_once(count: int, action: Callable[[], T]) -> list[T]:
    """The results of `count` threads that begin together."""
    barrier = Barrier(count)

    def run() -> T:
        barrier.wait()
        try:
            return action()
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(run) for _ in range(count)]
        return [future.result() for future in futures]
