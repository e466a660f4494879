"""Examples come as batches, in one order whoever makes them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tokenizers import Tokenizer  # noqa: E402

from detection.training.augmentation import Marks  # noqa: E402
from detection.training.batches import Batch, Feed  # noqa: E402
from detection.training.corpora import prepare_corpora, read_corpora  # noqa: E402
from detection.training.sampling import Sampler  # noqa: E402
from tests.training.made_corpora import row, tiny_plan, write_base, write_corpus  # noqa: E402

BATCH_TOKENS = 400


@pytest.fixture
def sampler(tmp_path: Path) -> Sampler:
    write_corpus(tmp_path, [row(label, label, number) for label in ("human", "ai") for number in range(20)])
    write_base(tmp_path / "base")
    tokenizer = tmp_path / "base" / "tokenizer.json"
    prepare_corpora(data=tmp_path, tokenizer=tokenizer, target=tmp_path / "corpora")
    marks = Marks.of(Tokenizer.from_file(str(tokenizer)))
    return Sampler(read_corpora(tmp_path / "corpora"), tiny_plan(), marks)


def first_pools(sampler: Sampler, *, pool: int, processes: int) -> list[tuple[int, list[Batch]]]:
    feed = Feed(sampler, BATCH_TOKENS, (2, 3), pool)
    return list(islice(feed.running_ahead(processes=processes), 3))


@pytest.mark.parametrize("pool", [0, 5])
def test_processes_beside_make_the_same_batches_in_the_same_order(sampler: Sampler, pool: int) -> None:
    alone = first_pools(sampler, pool=pool, processes=0)
    beside = first_pools(sampler, pool=pool, processes=2)
    assert [number for number, _ in alone] == [number for number, _ in beside] == [pool, pool + 1, pool + 2]
    for (_, ours), (_, theirs) in zip(alone, beside, strict=True):
        assert len(ours) > 2
        for one, other in zip(ours, theirs, strict=True):
            assert torch.equal(one.input_ids, other.input_ids)
            assert torch.equal(one.labels, other.labels)


def test_no_batch_is_larger_than_asked_padding_included(sampler: Sampler) -> None:
    batches = [batch for _, pool in first_pools(sampler, pool=0, processes=0) for batch in pool]
    assert all(batch.input_ids.numel() <= BATCH_TOKENS or len(batch.input_ids) == 1 for batch in batches)
    padding = sum(int((1 - batch.attention_mask).sum()) for batch in batches)
    assert padding < 0.2 * sum(batch.input_ids.numel() for batch in batches)
