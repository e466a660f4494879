"""However much one institution hands in, another's single paper is among the next few.

1. Five thousand of Acme's wait, then one of Rival's comes: it is taken next but one at most.
2. With nothing in hand, whoever was served longest ago goes first.
3. Within an institution the oldest goes first.
4. Workers that claim at the same moment take different ones.
5. What is to wait a while is not taken before.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Organization
from accounts.services.organizations import create_organization
from detection.models import Detection, Document, Priority
from detection.services.claiming import claim_next
from detection.services.transitions import move
from detection.states import State
from tests.cast import Cast
from tests.services.detections import at_once, hand_in_text, paper
from zhenwen.tenancy.scope import operator_scope, tenant_scope

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fake_version")]


def take() -> Detection | None:
    return claim_next(waiting=State.QUEUED_FOR_SCORING, priority=Priority.DOCUMENTS, to=State.SCORING)


def hand_in_thousands(organization: Organization, number: int) -> None:
    with tenant_scope(organization.id):
        documents = Document.objects.bulk_create(
            Document(organization=organization, source="text", size_bytes=1, sha256="0" * 64)
            for _ in range(number)
        )
        Detection.objects.bulk_create(
            Detection(
                organization=organization,
                document=document,
                state=State.QUEUED_FOR_SCORING,
                tolerated_fpr="0.01",
            )
            for document in documents
        )


def finish(detection: Detection) -> None:
    with tenant_scope(detection.organization_id):
        assert move(detection, to=State.SUCCEEDED, lease_expires_at=None)


def owners(number: int) -> list[int]:
    taken = [take() for _ in range(number)]
    return [detection.organization_id for detection in taken if detection is not None]


def test_one_paper_behind_five_thousand_of_another(cast: Cast) -> None:
    hand_in_thousands(cast.acme, 5000)
    assert owners(4) == [cast.acme.id] * 4
    hand_in_text(cast.rival)
    assert cast.rival.id in owners(2)


def test_one_at_a_time_they_take_turns(cast: Cast) -> None:
    for number in range(3):
        hand_in_text(cast.acme, paper(300, number=number))
    for number in range(3):
        hand_in_text(cast.rival, paper(300, number=number))
    served = []
    for _ in range(4):
        detection = take()
        assert detection is not None
        served.append(detection.organization_id)
        finish(detection)
    assert served[0] != served[1]
    assert served[:2] == served[2:]


def test_the_oldest_of_an_institution_first(cast: Cast) -> None:
    handed_in = [hand_in_text(cast.acme, paper(300, number=number)).pk for number in range(3)]
    taken = [take() for _ in range(3)]
    assert [detection and detection.pk for detection in taken] == handed_in
    assert take() is None


def test_at_one_moment_each_takes_another(cast: Cast) -> None:
    for number in range(8):
        hand_in_text(cast.acme, paper(300, number=number))
    taken = [detection.pk for detection in at_once(8, take) if detection is not None]
    assert len(taken) == len(set(taken)) == 8


def test_what_waits_for_its_time_is_passed_over(cast: Cast) -> None:
    first, second = (hand_in_text(cast.acme, paper(300, number=number)) for number in range(2))
    with tenant_scope(cast.acme.id):
        later = timezone.now() + timedelta(minutes=1)
        Detection.objects.filter(pk=first.pk).update(run_after=later)
    detection = take()
    assert detection is not None
    assert detection.pk == second.pk
    assert take() is None


def test_a_claim_looks_at_one_row_of_each_institution(cast: Cast) -> None:
    """So that ten thousand in the queue cost no more than ten."""
    from detection.services.claiming import _NEXT

    others = [
        create_organization(name=f"Other {n}", slug=f"other-{n}", owner=cast.alice, granted_characters=1)
        for n in range(5)
    ]
    for organization in (cast.acme, cast.rival, *others):
        hand_in_thousands(organization, 300)
    with operator_scope(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        parameters: dict[str, Any] = {
            "waiting": "queued_for_scoring",
            "working": "scoring",
            "priority": "documents",
            "now": timezone.now(),
        }
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + _NEXT, parameters)
        (plan,) = cursor.fetchone()
    assert rows_read(plan[0]["Plan"]) < 100


def rows_read(node: dict[str, Any]) -> float:
    """Of all scans of the table in a plan."""
    own: float = node["Actual Rows"] * node["Actual Loops"] if "Relation Name" in node else 0
    return own + sum(rows_read(child) for child in node.get("Plans", []))
