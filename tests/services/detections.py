"""Texts, a scorer that costs nothing, and short ways through a detection's life."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TypeVar

from django.db import connection
from django.utils import timezone

from accounts.models import Organization
from detection.engine import BackendInfo
from detection.models import Detection, ModelVersion
from detection.scoring.calibration import Calibration, uncalibrated
from detection.scoring.types import SegmentInput, SegmentScore
from detection.services.extraction import extract_claimed
from detection.services.leases import lease_end
from detection.services.scoring import score_claimed
from detection.services.submission import Submitter, submit_file, submit_text
from detection.services.transitions import move
from detection.states import ALLOWED_TRANSITIONS, State
from tests.scoring.fake import FakeScorer
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

    @property
    def backend(self) -> BackendInfo:
        return BackendInfo("fake", "cpu", "none", 1)

    def close(self) -> None:
        """Nothing runs in it."""

    def score(self, segments: Sequence[SegmentInput]) -> list[SegmentScore]:
        self.scored += len(segments)
        if self._meanwhile is not None:
            self._meanwhile()
        return super().score(segments)

    def submit(
        self, segments: Sequence[SegmentInput], *, tenant: int, expires_at: float | None = None
    ) -> Future[list[SegmentScore]]:
        future: Future[list[SegmentScore]] = Future()
        try:
            future.set_result(self.score(segments))
        except Exception as error:
            future.set_exception(error)
        return future


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
    claimed = claim(detection, State.EXTRACTING)
    if claimed is not None:
        extract_claimed(claimed)
    return fresh(detection)


def score(detection: Detection, model: FakeModel | None = None) -> Detection:
    version = ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVE).get()
    claimed = claim(detection, State.SCORING, model_version_id=version.pk)
    if claimed is not None:
        score_claimed(claimed, model or FakeModel())
    return fresh(detection)


def claim(detection: Detection, to: State, **fields: object) -> Detection | None:
    """This one, whoever's turn it is; None when it is not as it was any more."""
    if to not in ALLOWED_TRANSITIONS[State(detection.state)]:
        return None
    with tenant_scope(detection.organization_id):
        claimed = Detection.objects.get(pk=detection.pk)
        claimed.state, claimed.attempt = detection.state, detection.attempt
        return claimed if move(claimed, to=to, lease_expires_at=lease_end(), **fields) else None


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
