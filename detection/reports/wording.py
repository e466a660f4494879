"""What the codes and numbers of a report mean, in words for people who read no statistics."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from detection.scoring.types import BlockKind, Verdict


def percentage(share: float, decimals: int = 1) -> str:
    """`share` in 0..1. Never shows certainty that is not there: 0.99996 is ">99.9%", not "100.0%"."""
    least = 10.0 ** -(decimals + 2)
    if 0 < share < least:
        return f"<{least * 100:.{decimals}f}%"
    if 1 - least < share < 1:
        return f">{(1 - least) * 100:.{decimals}f}%"
    number = f"{share * 100:.{decimals}f}".rstrip("0").removesuffix(".")
    return f"{number}%"


def percentages_told_apart(first: float, second: float) -> tuple[str, str]:
    """Both with as many decimals, up to three, as it takes to see which of them is larger."""
    for decimals in (1, 2, 3):
        words = percentage(first, decimals), percentage(second, decimals)
        if words[0] != words[1]:
            break
    return words


@dataclass(frozen=True, slots=True)
class VerdictWording:
    label: StrOrPromise
    meaning: StrOrPromise
    caution: StrOrPromise


VERDICTS: dict[Verdict, VerdictWording] = {
    Verdict.HUMAN: VerdictWording(
        _("Human-written"),
        _("The text reads like what people write; nothing in it points to a language model."),
        _("This does not prove who wrote it: a text rewritten with care can go unnoticed."),
    ),
    Verdict.AI: VerdictWording(
        _("AI-generated"),
        _("The text as a whole reads like the output of a language model."),
        _("Before drawing conclusions, talk with the author and look at drafts and sources."),
    ),
    Verdict.MIXED: VerdictWording(
        _("Human and AI mixed"),
        _("Parts of the text read like the output of a language model, other parts do not."),
        _("Look at the marked passages one by one, and talk with the author about them."),
    ),
    Verdict.POLISHED: VerdictWording(
        _("AI-polished"),
        _("The text reads like a person's text that a language model has rewritten."),
        _("Whether polishing is allowed is for your institution's rules to say."),
    ),
    Verdict.INCONCLUSIVE: VerdictWording(
        _("Not enough evidence"),
        _("The evidence allows no statement, neither for a person nor for a language model."),
        _("This is not a suspicion: treat the text like any other."),
    ),
}

# Of a sentence or a share of the text, where the label of a whole document would say too much.
SENTENCE_LABELS: dict[str, StrOrPromise] = {
    Verdict.HUMAN.value: _("Human"),
    Verdict.AI.value: _("AI"),
    Verdict.POLISHED.value: _("AI-polished"),
    Verdict.INCONCLUSIVE.value: _("Inconclusive"),
}

INCONCLUSIVE_REASONS: dict[str, StrOrPromise] = {
    "too_short": _(
        "The text is too short. In a few sentences, people and models cannot be told apart reliably."
    ),
    "unsupported_language": _("The text is not in a language this model was calibrated for."),
    "literary_chinese": _(
        "The text is in literary Chinese. Models recite and imitate it in the words of the old writers, so "
        "its words do not tell who wrote it."
    ),
    "between_thresholds": _(
        "The evidence lies between the two lines: too strong for “human”, too weak for “AI” at the "
        "false-positive rate your institution tolerates."
    ),
    "ai_like_passage": _(
        "The text as a whole reads human, but a passage of it does not. That is too little to accuse the "
        "text and too much to call all of it human."
    ),
    "no_passage_to_show": _(
        "The text as a whole lies above the line for “AI”, but no sentence of it carries that. Nobody is "
        "accused where no passage can be shown."
    ),
    "too_few_calibration_texts": _(
        "For this length there are too few human texts to promise the tolerated false-positive rate."
    ),
    "uncalibrated_model": _("The model in use has not been calibrated, so its scores are no evidence."),
}

EXCLUSIONS: dict[BlockKind, StrOrPromise] = {
    BlockKind.HEADING: _("Heading"),
    BlockKind.QUOTATION: _("Quotation"),
    BlockKind.REFERENCE: _("References"),
    BlockKind.TABLE: _("Table"),
    BlockKind.CODE: _("Program code"),
    BlockKind.FORMULA: _("Formula"),
    BlockKind.CAPTION: _("Caption"),
    BlockKind.COVER: _("Cover page"),
    BlockKind.ACKNOWLEDGEMENT: _("Acknowledgements"),
    BlockKind.CONTENTS: _("Table of contents"),
    BlockKind.FOOTNOTE: _("Footnote"),
}


@dataclass(frozen=True, slots=True)
class AttackWording:
    label: StrOrPromise
    explanation: StrOrPromise


ATTACKS: dict[str, AttackWording] = {
    "zero_width": AttackWording(
        _("Invisible characters"),
        _("Characters without width stand inside words. They were removed before scoring."),
    ),
    "homoglyph": AttackWording(
        _("Look-alike letters"),
        _("Letters of another alphabet stand in for Latin ones. They were replaced before scoring."),
    ),
    "bidi_control": AttackWording(
        _("Direction marks"),
        _("Marks that reverse the direction of writing stand in the text. They were removed before scoring."),
    ),
    "spaced_characters": AttackWording(
        _("Spaces between characters"),
        _("Chinese characters are pulled apart by spaces. The spaces were removed before scoring."),
    ),
}
