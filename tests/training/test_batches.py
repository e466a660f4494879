"""Examples come as batches, in one order whoever makes them."""

from __future__ import annotations

import resource
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tokenizers import Tokenizer  # noqa: E402

from detection.training.augmentation import Marks  # noqa: E402
from detection.training.batches import Batch, Feed, collated  # noqa: E402
from detection.training.corpora import prepare_corpora, read_corpora  # noqa: E402
from detection.training.sampling import Example, Sampler  # noqa: E402
from tests.training.made_corpora import row, tiny_plan, write_base, write_corpus  # noqa: E402

BATCH_TOKENS = 400

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")  # where cores are few


@pytest.fixture
def sampler(tmp_path: Path) -> Sampler:
    write_corpus(tmp_path, [row(label, label, number) for label in ("human", "ai") for number in range(20)])
    write_base(tmp_path / "base")
    tokenizer = tmp_path / "base" / "tokenizer.json"
    prepare_corpora(data=tmp_path, tokenizer=tokenizer, target=tmp_path / "corpora")
    marks = Marks.of(Tokenizer.from_file(str(tokenizer)))
    return Sampler(read_corpora(tmp_path / "corpora"), tiny_plan(), marks)


def first_batches(sampler: Sampler, *, pool: int, processes: int) -> list[tuple[int, int, Batch]]:
    feed = Feed(sampler, BATCH_TOKENS, (2, 3), pool)
    return list(takewhile(lambda place: place[0] < pool + 3, feed.batches(processes=processes)))


@pytest.mark.parametrize("pool", [0, 5])
def test_processes_beside_make_the_same_batches_in_the_same_order(sampler: Sampler, pool: int) -> None:
    alone = first_batches(sampler, pool=pool, processes=0)
    beside = first_batches(sampler, pool=pool, processes=2)
    assert {pool for pool, _, _ in alone} == {pool, pool + 1, pool + 2}
    assert [place[:2] for place in alone] == [place[:2] for place in beside]
    for (_, _, ours), (_, _, theirs) in zip(alone, beside, strict=True):
        for part in Batch.__slots__:
            assert torch.equal(getattr(ours, part), getattr(theirs, part)), part


def test_processes_that_run_ahead_need_few_open_files(sampler: Sampler) -> None:
    """A hundred tensors that travelled as such would each hold one."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(128, before), most))
    try:
        assert len(first_batches(sampler, pool=0, processes=2)) > 6
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


def test_no_batch_is_larger_than_asked_padding_included(sampler: Sampler) -> None:
    batches = [batch for _, _, batch in first_batches(sampler, pool=0, processes=0)]
    assert all(batch.input_ids.numel() <= BATCH_TOKENS or len(batch.input_ids) == 1 for batch in batches)
    padding = sum(int((1 - batch.attention_mask).sum()) for batch in batches)
    assert padding < 0.2 * sum(batch.input_ids.numel() for batch in batches)


def test_labels_and_marks_lie_where_the_tokens_lie() -> None:
    shorter = Example(np.array([7, 8]), np.array([0, 1], dtype=np.float32), is_pure=False)
    longer = Example(np.array([9, 9, 9]), np.ones(3, dtype=np.float32), is_pure=True)
    batch = collated([shorter, longer], (2, 3))
    assert batch.input_ids.tolist() == [[2, 7, 8, 3, 0], [2, 9, 9, 9, 3]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert batch.is_text.tolist() == [[0, 1, 1, 0, 0], [0, 1, 1, 1, 0]]
    assert batch.labels.tolist() == [[0, 0, 1, 0, 0], [0, 1, 1, 1, 0]]
    assert batch.is_pure.tolist() == [0, 1]
