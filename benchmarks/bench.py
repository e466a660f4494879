"""What a part of the benchmark works with."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import load
from benchmarks.bare import Bare
from benchmarks.site import Site, SiteFailed
from benchmarks.texts import Prose

ROUNDS = 3
TEXT_CHARACTERS = 500
PAPER_CHARACTERS = 10_000


@dataclass(frozen=True)
class Bench:
    """A running site, the bare model of the same folder, and texts that nobody has seen yet."""

    site: Site
    bare: Bare
    prose: Prose
    model: str  # what to call it in the table
    quick: bool  # a smoke run: everything happens, nothing is measured well

    def amount(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    @property
    def rounds(self) -> int:
        return self.amount(ROUNDS, 1)

    def texts(self, count: int, *, characters: int = TEXT_CHARACTERS) -> list[str]:
        return self.prose.texts(count, characters=characters)

    def known_texts(self, count: int) -> list[str]:
        """Texts whose answers the site has in its cache. Raises SiteFailed when it does not take them up."""
        texts = self.texts(count)
        for _ in range(3):
            if not load.run(self.site.plan(texts, clients=8)).failed:
                return texts
        raise SiteFailed("the site did not answer every text to be cached")

    def papers(self, count: int, *, characters: int = PAPER_CHARACTERS) -> list[str]:
        return ["\n".join(self.prose.paper(characters)) for _ in range(count)]
