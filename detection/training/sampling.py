"""What the model sees: balanced crops and splices, each the same for the same seed and number."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, zip_longest

import numpy as np
import numpy.typing as npt

from detection.training.augmentation import Marks, jittered
from detection.training.configuration import TrainingPlan
from detection.training.corpora import Tokens, TrainingText
from detection.training.errors import PipelineError
from detection.training.texts import AI, HUMAN, kind_of

MOST_TOKENS = 500
LEAST_TOKENS = 20
_LENGTHS = ((0.25, 50, 110), (0.55, 110, 280), (0.20, 280, 480))  # share, least, most tokens
_LEAST_SPLICE = 160
_SAME_TITLE_SHARE = 0.4
_SAME_DOMAIN_SHARE = 0.3
_MANY_PARTS_SHARE = 0.5
_MOST_CUTS = 2  # of either part
_LEAST_CUT = 40
_STARTS_AT_SENTENCE_SHARE = 0.8
_SENTENCE_SEARCH = 60

Labels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Example:
    """`labels`: 1 per token of AI, else 0. `is_pure`: one author throughout."""

    tokens: Tokens
    labels: Labels
    is_pure: bool


@dataclass(frozen=True, slots=True)
class _Origin:
    """Texts of one source or generator, with their weights added up."""

    numbers: list[int]
    cumulated: list[float]

    def size(self, plan: TrainingPlan) -> float:
        """Capped, whatever its share of the corpora."""
        size: float = min(len(self.numbers), plan.source_cap) ** plan.source_power
        return size

    def weight(self, plan: TrainingPlan) -> float:
        """By its size and the mean weight of its texts."""
        return self.size(plan) * self.cumulated[-1] / len(self.numbers)


class Sampler:
    """Draws a source or generator, then one of its texts; evenly, or more often where a model is in doubt.

    Human sources weigh less the more there are of their kind of writing: thresholds protect every kind, and
    half of the sources are technical.
    """

    def __init__(
        self,
        texts: Sequence[TrainingText],
        plan: TrainingPlan,
        marks: Marks,
        doubts: npt.NDArray[np.float32] | None = None,
    ) -> None:
        """`doubts`: 0 to 1 for each text, what a model made of it (`mining`); else all weigh the same.

        Raises PipelineError for doubts in another number of texts.
        """
        if doubts is not None and len(doubts) != len(texts):
            raise PipelineError(f"doubts in {len(doubts):,} texts, but there are {len(texts):,}: mine again")
        self._texts = texts
        self._plan = plan
        self._marks = marks
        weights = np.ones(len(texts)) if doubts is None else 1 + plan.doubt_weight * doubts
        self._groups: dict[str, list[_Origin]] = {HUMAN: [], AI: []}
        self._weights: dict[str, list[float]] = {}
        for numbers in origins(texts):
            origin = _Origin(numbers, list(accumulate(weights[numbers].tolist())))
            self._groups[texts[numbers[0]].label].append(origin)
        kinds = [kind_of(texts[group.numbers[0]].source) for group in self._groups[HUMAN]]
        shares = {HUMAN: _shares(kinds, self._groups[HUMAN], plan), AI: [1.0] * len(self._groups[AI])}
        for label, groups in self._groups.items():
            weighed = zip(groups, shares[label], strict=True)
            self._weights[label] = list(accumulate(group.weight(plan) * share for group, share in weighed))
        self._ai_of_domain: defaultdict[str, list[int]] = defaultdict(list)
        titles: defaultdict[str, dict[str, list[int]]] = defaultdict(dict)
        for number, text in enumerate(texts):
            if text.label == AI:
                self._ai_of_domain[text.domain].append(number)
            if text.pair:
                titles[text.pair].setdefault(text.label, []).append(number)
        self._titles = [sides for sides in titles.values() if HUMAN in sides and AI in sides]

    @property
    def seed(self) -> int:
        return self._plan.seed

    def example(self, number: int) -> Example:
        """The example of this number; the numbers have no end."""
        rng = random.Random(f"{self._plan.seed}/{number}")  # noqa: S311 - repeatable, no secret
        while True:
            is_spliced = rng.random() < self._plan.spliced_share
            example = self._splice(rng) if is_spliced else self._whole(rng)
            if len(example.tokens) >= LEAST_TOKENS:
                return example

    def _whole(self, rng: random.Random) -> Example:
        label = HUMAN if rng.random() < self._plan.human_share else AI
        tokens = self._crop(self._draw(label, rng), _length(rng), rng)[:MOST_TOKENS]
        return Example(tokens, np.full(len(tokens), float(label == AI), dtype=np.float32), is_pure=True)

    def _splice(self, rng: random.Random) -> Example:
        human, ai = self._draw_two(rng)
        length = max(_length(rng), _LEAST_SPLICE)
        human_share = rng.uniform(0.2, 0.8)
        sides = [
            (self._crop(human, int(length * human_share), rng), 0.0),
            (self._crop(ai, int(length * (1 - human_share)), rng), 1.0),
        ]
        rng.shuffle(sides)
        parts = self._alternating(sides, rng) if rng.random() < _MANY_PARTS_SHARE else sides
        tokens = np.concatenate([part for part, _ in parts])[:MOST_TOKENS]
        labels = np.concatenate([np.full(len(part), side, dtype=np.float32) for part, side in parts])
        return Example(tokens, labels[:MOST_TOKENS], is_pure=False)

    def _alternating(
        self, sides: Sequence[tuple[Tokens, float]], rng: random.Random
    ) -> list[tuple[Tokens, float]]:
        """Both sides cut at ends of sentences where there are some, and laid by turns."""
        (first, label), (second, other) = sides
        cuts = rng.randint(1, _MOST_CUTS)
        firsts, seconds = self._pieces(first, cuts, rng), self._pieces(second, cuts - 1, rng)
        turns = zip_longest(((part, label) for part in firsts), ((part, other) for part in seconds))
        return [part for turn in turns for part in turn if part is not None]

    def _pieces(self, tokens: Tokens, cuts: int, rng: random.Random) -> list[Tokens]:
        ends = np.flatnonzero(np.isin(tokens[:-_LEAST_CUT], self._marks.sentence_ends)) + 1
        possible = [int(end) for end in ends if end >= _LEAST_CUT]
        chosen = sorted(rng.sample(possible, min(cuts, len(possible))))
        return list(np.split(tokens, chosen))

    def _draw(self, label: str, rng: random.Random) -> int:
        origin = rng.choices(self._groups[label], cum_weights=self._weights[label])[0]
        return rng.choices(origin.numbers, cum_weights=origin.cumulated)[0]

    def _draw_two(self, rng: random.Random) -> tuple[int, int]:
        """A human and an AI text, often of one title or domain, so that topic tells nothing."""
        if self._titles and rng.random() < _SAME_TITLE_SHARE:
            sides = rng.choice(self._titles)
            return rng.choice(sides[HUMAN]), rng.choice(sides[AI])
        human = self._draw(HUMAN, rng)
        same_domain = self._ai_of_domain.get(self._texts[human].domain)
        if same_domain and rng.random() < _SAME_DOMAIN_SHARE / (1 - _SAME_TITLE_SHARE):
            return human, rng.choice(same_domain)
        return human, self._draw(AI, rng)

    def _crop(self, number: int, length: int, rng: random.Random) -> Tokens:
        """About `length` tokens, mostly from the beginning of a sentence; jittered."""
        tokens = self._texts[number].tokens
        if len(tokens) > length:
            start = rng.randint(0, len(tokens) - length)
            if rng.random() < _STARTS_AT_SENTENCE_SHARE:
                window = tokens[start : min(start + _SENTENCE_SEARCH, len(tokens) - length)]
                ends = np.flatnonzero(np.isin(window, self._marks.sentence_ends))
                start += int(ends[0]) + 1 if len(ends) else 0
            tokens = tokens[start : start + length]
        return jittered(np.array(tokens), self._marks, rng)


def _shares(kinds: Sequence[str], groups: Sequence[_Origin], plan: TrainingPlan) -> list[float]:
    """What each group's weight is multiplied by, so that a kind weighs the sum of its sizes ** power."""
    sizes: defaultdict[str, float] = defaultdict(float)
    for kind, group in zip(kinds, groups, strict=True):
        sizes[kind] += group.size(plan)
    return [sizes[kind] ** (plan.kind_power - 1) for kind in kinds]


def origins(texts: Sequence[TrainingText]) -> list[list[int]]:
    """Numbers of human texts by source and of AI texts by source and generator."""
    groups: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    for number, text in enumerate(texts):
        groups[text.label, text.source, text.generator if text.label == AI else ""].append(number)
    return [groups[key] for key in sorted(groups)]


def _length(rng: random.Random) -> int:
    _, least, most = rng.choices(_LENGTHS, weights=[share for share, _, _ in _LENGTHS])[0]
    return rng.randint(least, most)
