"""What the list of documents is narrowed down to, as said in the address."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from detection.models import Detection
from detection.scoring.types import Verdict
from detection.states import OPEN_STATES, State

STATE_GROUPS: dict[str, tuple[StrOrPromise, frozenset[State]]] = {
    "open": (_("In progress"), OPEN_STATES),
    "succeeded": (_("Finished"), frozenset({State.SUCCEEDED})),
    "failed": (_("Failed"), frozenset({State.FAILED})),
    "cancelled": (_("Cancelled"), frozenset({State.CANCELLED})),
}
_REPORT_NUMBER = re.compile(r"ZW\d{8}-([0-9A-F]{8})([0-9A-F]{4})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Filters:
    query: str
    verdict: str
    state: str

    @classmethod
    def from_address(cls, parameters: QueryDict) -> Filters:
        """What is not understood filters nothing."""
        verdict, state = parameters.get("verdict", ""), parameters.get("state", "")
        return cls(
            query=parameters.get("q", "").replace("\0", "").strip()[:200],
            verdict=verdict if verdict in list(Verdict) else "",
            state=state if state in STATE_GROUPS else "",
        )

    def __bool__(self) -> bool:
        return bool(self.query or self.verdict or self.state)

    def narrow(self, detections: QuerySet[Detection]) -> QuerySet[Detection]:
        if self.query:
            detections = detections.filter(self._matches())
        if self.verdict:
            detections = detections.filter(report__verdict=self.verdict)
        if self.state:
            detections = detections.filter(state__in=STATE_GROUPS[self.state][1])
        return detections

    def _matches(self) -> Q:
        number = _REPORT_NUMBER.fullmatch(self.query)
        if number:
            return Q(id__startswith="-".join(number.groups()).lower())
        return (
            Q(document__title__icontains=self.query)
            | Q(document__filename__icontains=self.query)
            | Q(document__external_id=self.query)
        )
