"""What the model is shown: balance, lengths, splices and their labels."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np

from detection.training.augmentation import Marks, jittered
from detection.training.configuration import TrainingPlan
from detection.training.corpora import Tokens, TrainingText
from detection.training.encoders.conversion import build_tokenizer
from detection.training.rewording import Rewording, reworded
from detection.training.sampling import MOST_TOKENS, Example, Sampler
from tests.training.made_corpora import WORDS, tiny_plan

MARKS = Marks.of(build_tokenizer(WORDS))
HUMAN_TOKEN, AI_TOKEN = 10, 20  # every token of a text tells who wrote it
SOURCES = {"human": {"large": 900, "small": 30}, "ai": {"model": 400}}


def made_texts() -> list[TrainingText]:
    texts = []
    for label, sources in SOURCES.items():
        for offset, (source, count) in enumerate(sources.items()):
            token = (HUMAN_TOKEN if label == "human" else AI_TOKEN) + offset
            for number in range(count):
                tokens = np.full(600, token, dtype=np.int32)
                texts.append(TrainingText(label, source, "", "weather", f"title {number}", tokens))
    return texts


def examples(count: int = 1500, plan: TrainingPlan | None = None) -> list[Example]:
    sampler = Sampler(made_texts(), plan or tiny_plan(), MARKS)
    return [sampler.example(number) for number in range(count)]


def is_by_model(tokens: Tokens) -> np.ndarray:
    return tokens >= AI_TOKEN


def known(example: Example) -> np.ndarray:
    """Tokens that damage has not replaced."""
    return example.tokens >= HUMAN_TOKEN


def test_human_and_ai_come_in_the_planned_shares() -> None:
    made = examples()
    whole = [e for e in made if e.is_pure]
    human = [e for e in whole if e.labels[0] == 0]
    assert abs(len(whole) / len(made) - 0.75) < 0.035
    assert abs(len(human) / len(whole) - 0.525) < 0.04


def test_a_large_source_does_not_drown_a_small_one() -> None:
    sources = Counter(int(e.tokens[known(e)][0]) for e in examples() if e.is_pure and e.labels[0] == 0)
    share = sources[HUMAN_TOKEN + 1] / sources.total()
    expected = 30**0.6 / (30**0.6 + 900**0.6)
    assert abs(share - expected) < 0.04
    assert share > 3 * 30 / 930


def test_a_kind_of_writing_with_many_sources_does_not_drown_one_with_a_single_source() -> None:
    sources = {"h_cmrc": 10, **{f"manual {n}": 11 + n for n in range(8)}}  # an encyclopedia, eight manuals
    human = [
        TrainingText("human", source, "", "", f"{source} {n}", np.full(300, token, dtype=np.int32))
        for source, token in sources.items()
        for n in range(50)
    ]
    ai = [TrainingText("ai", "a", "m", "", "", np.full(300, AI_TOKEN, dtype=np.int32))]
    sampler = Sampler(human + ai, tiny_plan(spliced_share=0.0), MARKS)
    drawn = Counter(int(e.tokens[known(e)][0]) for e in map(sampler.example, range(3000)) if not e.labels[0])
    share = drawn[10] / drawn.total()
    assert abs(share - 1 / (1 + 8**0.4)) < 0.04
    assert share > 2 / 9


def test_every_token_of_a_splice_carries_the_label_of_its_author() -> None:
    spliced = [e for e in examples() if not e.is_pure]
    assert len(spliced) > 200
    for example in spliced:
        assert len(example.tokens) == len(example.labels)
        by_model = is_by_model(example.tokens)[known(example)]
        assert np.array_equal(example.labels[known(example)] == 1, by_model)
        assert by_model.any()
        assert not by_model.all()


def test_lengths_cover_short_and_long_and_never_overrun() -> None:
    lengths = [len(e.tokens) for e in examples() if e.is_pure]
    assert max(lengths) <= MOST_TOKENS
    assert min(lengths) < 70
    assert 0.2 < np.mean(np.array(lengths) < 110) < 0.35
    assert np.mean(np.array(lengths) > 280) > 0.1


def test_the_same_number_gives_the_same_example_and_another_seed_another() -> None:
    first, again = examples(40), examples(40)
    other = examples(40, tiny_plan(seed=99))
    assert all(np.array_equal(a.tokens, b.tokens) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a.tokens, b.tokens) for a, b in zip(first, other, strict=True))


def test_damage_loses_at_most_the_punctuation_and_spares_a_quarter_of_the_texts() -> None:
    rng = random.Random(1)
    tokens = np.array([10, 11, 12, MARKS.comma, 13, 14, int(MARKS.sentence_ends[0])] * 30, dtype=np.int32)
    results = [jittered(tokens, MARKS, rng) for _ in range(400)]
    untouched = sum(np.array_equal(result, tokens) for result in results)
    assert 100 < untouched < 250  # quotes cannot be dropped where there are none
    words = [int(np.sum(result < MARKS.comma)) for result in results]
    assert min(words) > 0.9 * np.sum(tokens < MARKS.comma)


def test_the_parts_of_a_splice_take_turns_where_sentences_end() -> None:
    sentence = np.append(np.full(24, HUMAN_TOKEN, dtype=np.int32), MARKS.sentence_ends[0])
    texts = [
        TrainingText(label, "source", "", "weather", f"title {number}", np.tile(sentence, 24))
        for label in ("human", "ai")
        for number in range(40)
    ]
    sampler = Sampler(texts, tiny_plan(), MARKS)
    spliced = [e for e in map(sampler.example, range(1500)) if not e.is_pure]
    turns = Counter(int(np.count_nonzero(np.diff(e.labels))) for e in spliced)
    assert set(turns) <= {1, 2, 3, 4}
    assert turns[1] > 0.3 * turns.total()
    assert turns[2] + turns[3] + turns[4] > 0.2 * turns.total()


def test_a_formal_text_is_reworded_plainly_and_back() -> None:
    words = [*WORDS, *"因此所以然而但是可不过这样一来说"]
    tokenizer = build_tokenizer(words)
    rewording = Rewording.of(tokenizer)
    tokens = np.array(tokenizer.encode("因此天地，然而人。", add_special_tokens=False).ids, dtype=np.int32)
    noise = np.random.default_rng(3)
    results = {
        tokenizer.decode(reworded(tokens, rewording, noise).tolist()).replace(" ", "") for _ in range(60)
    }
    assert "因此天地，然而人。" in results
    assert any(result.startswith(("所以天地", "这样一来天地")) for result in results)
    assert all(result.endswith("人。") and "天地，" in result for result in results)


def test_a_casual_voice_leaves_connectives_out_and_adds_particles() -> None:
    rewording = Rewording.written()
    noise = np.random.default_rng(5)
    results = {rewording.casual("首先，天地很大。此外，人很小。", noise) for _ in range(60)}
    assert all(not result.startswith("首先") and "此外" not in result for result in results)
    assert "天地很大。人很小。" in results
    assert any(result != "天地很大。人很小。" and result.endswith("。") for result in results)
    assert any(opener in result for result in results for opener in ("。其实", "。反正", "。说白了"))
