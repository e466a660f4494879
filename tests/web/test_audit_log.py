"""What an institution's administrators can look up: who did what."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Membership, Role
from accounts.web.audit_log import ACTIONS, EVENTS_A_PAGE
from detection.models import ModelVersion
from tests.cast import Cast
from tests.web.papers import HUMAN_PAPER, judged_text
from zhenwen.audit.services import record_event

ROOT = Path(__file__).resolve().parents[2]
LOG = "/o/acme/log/"


@pytest.fixture
def alice(cast: Cast) -> Client:
    return cast.client_of(cast.alice)


def entries(client: Client) -> list[str]:
    """The rows as lines of words, newest first."""
    rows = re.findall(r"<tr>(.*?)</tr>", client.get(LOG).content.decode(), re.DOTALL)[1:]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]


def test_who_did_what_is_said_in_words(cast: Cast, alice: Client, fake_version: ModelVersion) -> None:
    carol = Membership.objects.get(user=cast.carol)
    alice.post(reverse("change_role", args=["acme", carol.pk]), {"role": Role.MEMBER})
    detection = judged_text(cast.acme, HUMAN_PAPER)
    cast.client_of(cast.bob).post(reverse("erase_document", args=["acme", detection.id]))
    erased, changed = entries(alice)[:2]
    assert f"bob@example.com 删除文档 {detection.document_id}" in erased
    assert "alice@example.com 更改角色 carol@example.com from: viewer to: member" in changed


def test_the_log_of_another_institution_is_not_in_it(cast: Cast, alice: Client) -> None:
    record_event(organization_id=cast.rival.id, actor=cast.mallory, action="policy.changed")
    assert not any("mallory" in entry for entry in entries(alice))


def test_a_long_log_has_pages(cast: Cast, alice: Client) -> None:
    for _ in range(EVENTS_A_PAGE):
        record_event(organization_id=cast.acme.id, actor=cast.alice, action="policy.changed")
    assert len(entries(alice)) == EVENTS_A_PAGE
    assert 'rel="next" href="?page=2"' in alice.get(LOG).content.decode()


def test_every_action_that_is_recorded_has_words() -> None:
    recorded = {
        action
        for folder in ("accounts", "detection", "platform")
        for path in (ROOT / folder).rglob("*.py")
        for action in re.findall(r'record_event\([^)]*?action="([a-z_.]+)"', path.read_text("utf-8"))
    }
    assert recorded == set(ACTIONS)
