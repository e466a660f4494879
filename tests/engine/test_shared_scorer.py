"""Many threads, many tenants, one model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from detection.engine import BackendInfo, Manifest, ModelScorer, RequestExpired, ScorerClosed, SharedScorer
from detection.engine.batches import TokenIds
from detection.engine.head import Floats, Head
from detection.engine.scorer import EncodedSegment
from detection.engine.tokens import LibraryEncoder
from detection.scoring.calibration import uncalibrated
from detection.scoring.types import SegmentInput, SegmentScore
from tests.engine.conftest import CHARACTERS, write_tokenizer

POISON = "毒"
TIMEOUT_SECONDS = 10


@dataclass
class SteeredBackend:
    """Scores each row by its own tokens; runs a batch only when it is let; remembers what it ran."""

    poisoned_id: int
    info: BackendInfo
    batches: list[TokenIds] = field(default_factory=list)
    _begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _allowed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _is_free: bool = True

    def hold(self) -> None:
        self._is_free = False

    def wait_for_a_batch(self) -> None:
        assert self._begun.acquire(timeout=TIMEOUT_SECONDS)

    def let_run(self, batches: int = 1) -> None:
        self._allowed.release(batches)

    def let_all_run(self) -> None:
        self._is_free = True
        self._allowed.release(100)

    def logits(self, input_ids: TokenIds, attention_mask: TokenIds) -> Floats:
        self.batches.append(input_ids.copy())
        self._begun.release()
        if not self._is_free:
            assert self._allowed.acquire(timeout=TIMEOUT_SECONDS)
        if self.poisoned_id in input_ids:
            raise ValueError("poison")
        odds = (input_ids * attention_mask).astype(np.float32)
        return np.stack([np.zeros_like(odds), odds], axis=-1)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_tokens([POISON])
    return tokenizer


@pytest.fixture
def lanes() -> int:
    return 1


@pytest.fixture
def backend(tokenizer: Tokenizer, lanes: int) -> SteeredBackend:
    info = BackendInfo("steered", "cpu", "f32", threads=lanes, lanes=lanes)
    return SteeredBackend(tokenizer.token_to_id(POISON) or -1, info)


@pytest.fixture
def model(tokenizer: Tokenizer, backend: SteeredBackend) -> ModelScorer:
    return ModelScorer(
        manifest=Manifest("steered", "1", "", {}, "digest"),
        head=Head(is_per_token=True, label_count=2, ai_label=1, pad_token_id=0, maximum_tokens=512),
        encoder=LibraryEncoder(tokenizer),
        backend=backend,
        calibration=uncalibrated(),
    )


@pytest.fixture
def shared(model: ModelScorer, backend: SteeredBackend) -> Iterator[SharedScorer]:
    with ExitStack() as stack:
        scorer = SharedScorer(model, batch_tokens=1024)
        stack.callback(scorer.close)
        stack.callback(backend.let_all_run)
        yield scorer


def segments(*lengths: int, start: int = 0) -> list[SegmentInput]:
    """Different texts of these lengths, two sentences each."""
    return [
        SegmentInput((CHARACTERS[(start + i) % 20 :] * 12)[:length], (length // 2, length))
        for i, length in enumerate(lengths)
    ]


def outcome(future: Future[list[SegmentScore]]) -> list[SegmentScore]:
    return future.result(TIMEOUT_SECONDS)


def test_each_thread_gets_the_scores_of_its_own_segments(shared: SharedScorer, model: ModelScorer) -> None:
    requests = [segments(5 + i, 300 - i, 60, 130, start=i) for i in range(40)]
    expected = [model.score(request) for request in requests]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda i: shared.score(requests[i], tenant=i % 3), range(len(requests))))
    assert results == expected
    assert shared.score([]) == []


@pytest.mark.parametrize("lanes", [2])
def test_a_batch_begins_beside_another_where_there_is_a_lane(
    shared: SharedScorer, model: ModelScorer, backend: SteeredBackend
) -> None:
    expected = [model.score(segments(length)) for length in (60, 200)]
    for _ in expected:
        backend.wait_for_a_batch()
    backend.hold()
    first = shared.submit(segments(60), tenant=1)
    backend.wait_for_a_batch()
    second = shared.submit(segments(200), tenant=2)
    backend.wait_for_a_batch()  # although the first still runs
    assert not first.done()
    backend.let_all_run()
    assert [outcome(first), outcome(second)] == expected


def test_it_stands_for_its_model(shared: SharedScorer, model: ModelScorer) -> None:
    assert (shared.model_name, shared.model_digest) == (model.model_name, model.model_digest)
    assert (shared.calibration, shared.backend) == (model.calibration, model.backend)


def test_batches_hold_one_padded_length_and_stay_within_their_budget(
    shared: SharedScorer, backend: SteeredBackend
) -> None:
    shared.score(segments(*range(1, 500, 7)))
    assert all(batch.size <= 1024 for batch in backend.batches)
    for batch in backend.batches:
        lengths = (batch != 0).sum(axis=1)
        assert (lengths > batch.shape[1] - 64).all()


def test_an_idle_model_starts_at_once_and_the_batch_that_waits_still_grows(
    shared: SharedScorer, backend: SteeredBackend
) -> None:
    backend.hold()
    first = shared.submit(segments(10), tenant=1)
    backend.wait_for_a_batch()
    others = []
    for tenant in (1, 2, 3):  # one after the other, while the first runs
        others.append(shared.submit(segments(10), tenant=tenant))
        time.sleep(0.01)
    backend.let_all_run()
    for future in (first, *others):
        outcome(future)
    assert [len(batch) for batch in backend.batches] == [1, 3]


def test_tokenising_goes_on_while_a_batch_runs(
    shared: SharedScorer, backend: SteeredBackend, model: ModelScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenised = threading.Semaphore(0)
    encode = model.encode

    def encode_and_tell(given: Sequence[SegmentInput]) -> list[EncodedSegment]:
        tokenised.release()
        return encode(given)

    monkeypatch.setattr(model, "encode", encode_and_tell)
    backend.hold()
    shared.submit(segments(10), tenant=1)
    backend.wait_for_a_batch()
    assert tokenised.acquire(timeout=TIMEOUT_SECONDS)
    shared.submit(segments(10), tenant=1)
    assert tokenised.acquire(timeout=TIMEOUT_SECONDS)


def test_a_flood_of_one_tenant_starves_nobody(shared: SharedScorer, backend: SteeredBackend) -> None:
    backend.hold()
    papers = [shared.submit(segments(*[500] * 20), tenant=1) for _ in range(100)]
    backend.wait_for_a_batch()
    single = shared.submit(segments(500, 40), tenant=2)
    # One runs, one may lie ready; then the newcomer has its turn, and again after one of the flood's.
    backend.let_run(5)
    assert len(outcome(single)) == 2
    assert not any(paper.done() for paper in papers)


def test_tenants_share_the_model_evenly_whatever_each_has_waiting(
    shared: SharedScorer, backend: SteeredBackend
) -> None:
    backend.hold()
    running = shared.submit(segments(10), tenant=9)
    backend.wait_for_a_batch()
    texts = {tenant: segments(500, start=tenant) for tenant in (1, 2, 3)}
    for tenant, waiting in ((1, 60), (2, 40), (3, 30)):
        shared.submit(texts[tenant] * waiting, tenant=tenant)
    backend.let_all_run()
    outcome(running)
    shared.close()
    rows = np.concatenate([batch[:, 1] for batch in backend.batches[1:16]])
    assert [int(count) for count in np.unique(rows, return_counts=True)[1]] == [10, 10, 10]


def test_a_segment_of_a_rare_length_is_not_passed_over(shared: SharedScorer, backend: SteeredBackend) -> None:
    backend.hold()
    running = shared.submit(segments(500), tenant=1)
    backend.wait_for_a_batch()
    many = [shared.submit(segments(500, 500), tenant=1) for _ in range(3)]
    rare = shared.submit(segments(100), tenant=1)
    many += [shared.submit(segments(500, 500), tenant=1) for _ in range(50)]
    backend.let_run(5)
    outcome(running)
    outcome(rare)
    assert sum(future.done() for future in many) <= 4


def test_what_has_expired_never_reaches_the_model(shared: SharedScorer, backend: SteeredBackend) -> None:
    backend.hold()
    running = shared.submit(segments(10), tenant=1)
    backend.wait_for_a_batch()
    soon = time.monotonic() + 0.05
    hopeless = [shared.submit(segments(length, 500), tenant=2, expires_at=soon) for length in (10, 200)]
    patient = shared.submit(segments(10), tenant=2, expires_at=soon + TIMEOUT_SECONDS)
    time.sleep(0.06)
    backend.let_all_run()
    for future in hopeless:
        with pytest.raises(RequestExpired):
            outcome(future)
    outcome(running)
    outcome(patient)
    assert sum(len(batch) for batch in backend.batches) == 2


def test_what_was_cancelled_never_reaches_the_model(shared: SharedScorer, backend: SteeredBackend) -> None:
    backend.hold()
    running = shared.submit(segments(10), tenant=1)
    backend.wait_for_a_batch()
    unwanted = shared.submit(segments(10, 200), tenant=1)
    wanted = shared.submit(segments(10), tenant=1)
    assert unwanted.cancel()
    backend.let_all_run()
    outcome(running)
    outcome(wanted)
    with pytest.raises(CancelledError):
        outcome(unwanted)
    assert sum(len(batch) for batch in backend.batches) == 2


@pytest.mark.parametrize("text", [POISON * 9, "\ud800"], ids=["model", "tokenizer"])
def test_a_text_that_cannot_be_scored_fails_alone(
    shared: SharedScorer, backend: SteeredBackend, text: str
) -> None:
    backend.hold()
    running = shared.submit(segments(10), tenant=1)
    backend.wait_for_a_batch()
    poisoned = shared.submit([*segments(10), SegmentInput(text, (len(text),))], tenant=1)
    innocent = [shared.submit(segments(10), tenant=tenant) for tenant in (1, 2)]
    backend.let_all_run()
    assert len(outcome(running)) == 1
    with pytest.raises((ValueError, TypeError)):
        outcome(poisoned)
    assert [len(outcome(future)) for future in innocent] == [1, 1]


def test_closing_answers_what_was_sent_and_takes_no_more(
    shared: SharedScorer, backend: SteeredBackend
) -> None:
    futures = [shared.submit(segments(500, 10), tenant=tenant) for tenant in range(20)]
    shared.close()
    assert all(future.done() and len(future.result()) == 2 for future in futures)
    with pytest.raises(ScorerClosed):
        shared.submit(segments(10), tenant=1)


@pytest.mark.parametrize("stage", ["new_batch", "log_odds"])
def test_nobody_waits_for_an_engine_that_died(
    shared: SharedScorer, model: ModelScorer, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    def die(*_: object, **__: object) -> None:
        raise MemoryError

    replaced: Callable[..., object] = die if stage == "new_batch" else lambda _: 5
    monkeypatch.setattr(model, stage, replaced)
    with pytest.raises((ScorerClosed, TypeError)):
        outcome(shared.submit(segments(10), tenant=1))


def test_a_real_model_scores_alike_alone_and_shared(folders: dict[str, Path]) -> None:
    from detection.engine import load_model_folder

    model = load_model_folder(folders["roformer_tokens"], backend="openvino")
    given = segments(300, 10, 64, 62, 200, 410)
    expected = model.score(given)
    shared = SharedScorer(model)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda tenant: shared.score(given, tenant=tenant), range(8)))
    shared.close()
    for result in results:
        for one, other in zip(result, expected, strict=True):
            assert one.logit == pytest.approx(other.logit, abs=0.02)
