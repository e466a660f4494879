"""Every way in which a detection can fail or a submission be refused, in words a person understands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from detection.extraction.errors import ERROR_TEXTS, ErrorCode


class DetectionError(StrEnum):
    """Failures that are not the file's own; those are extraction.ErrorCode."""

    ALLOWANCE_EXCEEDED = "allowance_exceeded"
    FILE_TOO_DEMANDING = "file_too_demanding"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"


@dataclass(frozen=True, slots=True)
class ErrorWords:
    what_happened: str
    what_to_do: str


_OWN_WORDS: dict[str, tuple[str | Promise, str | Promise]] = {
    DetectionError.ALLOWANCE_EXCEEDED: (
        _("The document has more characters than the institution has left this month."),
        _("Ask your administrator for a larger allowance, then hand it in again."),
    ),
    DetectionError.FILE_TOO_DEMANDING: (
        _("Reading this file took more memory or time than one file may take."),
        _("Save the text in a simpler file, such as .docx without pictures or .txt, and hand it in again."),
    ),
    DetectionError.ATTEMPTS_EXHAUSTED: (
        _("The document could not be worked on after several attempts. Nothing was charged."),
        _("Hand it in again; if it fails once more, tell the operator the number of this detection."),
    ),
}

ALL_CODES: tuple[str, ...] = (*(code.value for code in ErrorCode), *(code.value for code in DetectionError))


def words_for(code: str, parameters: Mapping[str, int | str]) -> ErrorWords:
    """The sentences for a code, in the language that is active. Raises ValueError for an unknown code."""
    if code in _OWN_WORDS:
        happened, to_do = _OWN_WORDS[code]
        return ErrorWords(str(happened), str(to_do))
    text = ERROR_TEXTS[ErrorCode(code)]
    # What a renamed file really is stands there in English words of our own.
    shown = {name: gettext(str(value)) if name == "actual" else value for name, value in parameters.items()}
    return ErrorWords(gettext(text.what_happened) % shown, gettext(text.what_to_do) % shown)


@dataclass(frozen=True, slots=True)
class DescribedCode:
    code: str
    words: ErrorWords


def described_codes() -> list[DescribedCode]:
    """Every code with its sentences, numbers left open: for the documentation."""
    return [DescribedCode(code, words_for(code, _Open())) for code in ALL_CODES]


class _Open(Mapping[str, int | str]):
    """Stands for parameters that are not known yet."""

    def __getitem__(self, _name: str) -> str:
        return "…"

    def __iter__(self) -> Iterator[str]:
        return iter(("limit_megabytes", "limit_characters", "pages", "limit_pages", "extension", "actual"))

    def __len__(self) -> int:
        return len(list(iter(self)))
