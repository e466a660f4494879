"""Keys, members, invitations, usage and policy."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import ApiKey, Invitation, Membership, Role, User
from accounts.services.api_keys import ApiKeyRefused, recognise_api_key
from detection.models import ModelVersion
from detection.selectors.policies import policy_of
from detection.web.usage import CHART_HEIGHT, day_bars
from tests.cast import Cast
from tests.web.papers import HUMAN_PAPER, judged_text
from zhenwen.ledger.services import current_period
from zhenwen.tenancy.scope import tenant_scope

MEMBERS = "/o/acme/members/"
KEYS = "/o/acme/keys/"
POLICY = "/o/acme/policy/"


@pytest.fixture
def alice(cast: Cast) -> Client:
    return cast.client_of(cast.alice)


def membership(user: User) -> Membership:
    return Membership.objects.get(user=user)


# --- Keys ---------------------------------------------------------------------------------------


def test_a_new_key_works_and_is_shown_once(cast: Cast, alice: Client) -> None:
    scopes = ["detections:read"]
    made = alice.post(KEYS, {"name": "投稿系统", "scopes": scopes, "lifetime": "30"})
    assert (made.status_code, made.headers["Location"]) == (303, KEYS)
    content = alice.get(KEYS).content.decode()
    found = re.search(r'id="new-key">(zw_live_\w+)<', content)
    assert found
    key = recognise_api_key(token=found[1], remote_address="127.0.0.1")
    assert (key.organization, key.scopes) == (cast.acme, scopes)
    assert key.expires_at is not None
    assert found[1] not in alice.get(KEYS).content.decode()


def test_loading_the_page_of_a_new_key_again_makes_no_second_key(cast: Cast, alice: Client) -> None:
    before = ApiKey.objects.count()
    form = {"name": "投稿系统", "scopes": ["detections:read"], "lifetime": "30"}
    shown = alice.post(KEYS, form, follow=True)
    assert 'id="new-key"' in shown.content.decode()
    again = alice.generic(shown.request["REQUEST_METHOD"], shown.request["PATH_INFO"])
    assert (again.status_code, 'id="new-key"' in again.content.decode()) == (200, False)
    assert ApiKey.objects.count() == before + 1


def test_a_new_key_is_shown_to_nobody_else(cast: Cast, alice: Client) -> None:
    alice.post(KEYS, {"name": "投稿系统", "scopes": ["detections:read"], "lifetime": "30"})
    assert 'id="new-key"' not in cast.client_of(cast.alice).get(KEYS).content.decode()
    assert 'id="new-key"' in alice.get(KEYS).content.decode()


def test_a_key_that_cannot_be_shown_is_not_made(
    cast: Cast, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError

    monkeypatch.setattr("accounts.web.api_keys.keep_to_show", fail)
    before = ApiKey.objects.count()
    with pytest.raises(ConnectionError):
        alice.post(KEYS, {"name": "投稿系统", "scopes": ["detections:read"], "lifetime": "30"})
    assert ApiKey.objects.count() == before


def test_a_key_that_may_nothing_is_not_made(alice: Client, cast: Cast) -> None:
    before = ApiKey.objects.count()
    response = alice.post(KEYS, {"name": "leer", "lifetime": "30"})
    assert 'role="alert"' in response.content.decode()
    assert ApiKey.objects.count() == before


def test_a_revoked_key_stops_at_once(cast: Cast, alice: Client) -> None:
    key = recognise_api_key(token=cast.acme_key, remote_address=None)
    response = alice.post(reverse("revoke_api_key", args=["acme", key.pk]), follow=True)
    assert "已停用" in response.content.decode()
    with pytest.raises(ApiKeyRefused, match="revoked"):
        recognise_api_key(token=cast.acme_key, remote_address=None)


def test_nobody_revokes_the_key_of_another_organization(cast: Cast, alice: Client) -> None:
    key = recognise_api_key(token=cast.rival_key, remote_address=None)
    assert alice.post(reverse("revoke_api_key", args=["acme", key.pk])).status_code == 404
    recognise_api_key(token=cast.rival_key, remote_address=None)


# --- Members ------------------------------------------------------------------------------------


def test_an_owner_changes_a_role(cast: Cast, alice: Client) -> None:
    target = membership(cast.carol)
    alice.post(reverse("change_role", args=["acme", target.pk]), {"role": Role.MEMBER})
    assert membership(cast.carol).role == Role.MEMBER


@pytest.mark.parametrize("target", ["alice", "bob"])
def test_administrators_decide_nothing_about_owners(target: str, cast: Cast) -> None:
    Membership.objects.filter(user=cast.bob).update(role=Role.ADMIN)
    member = membership(getattr(cast, target))
    role = Role.VIEWER if target == "alice" else Role.OWNER
    bob = cast.client_of(cast.bob)
    response = bob.post(reverse("change_role", args=["acme", member.pk]), {"role": role}, follow=True)
    assert "只有所有者才能决定谁是所有者" in response.content.decode()
    assert membership(getattr(cast, target)).role == member.role


def test_the_last_owner_stays(cast: Cast, alice: Client) -> None:
    member = membership(cast.alice)
    for address, data in (("change_role", {"role": Role.VIEWER}), ("remove_member", {})):
        response = alice.post(reverse(address, args=["acme", member.pk]), data, follow=True)
        assert "至少要有一位所有者" in response.content.decode()
    assert membership(cast.alice).role == Role.OWNER


def test_who_is_removed_is_out_at_once(cast: Cast, alice: Client) -> None:
    carol = cast.client_of(cast.carol)
    alice.post(reverse("remove_member", args=["acme", membership(cast.carol).pk]))
    assert carol.get("/o/acme/").status_code == 404


def test_members_of_another_organization_are_out_of_reach(cast: Cast, alice: Client) -> None:
    stranger = membership(cast.mallory)
    address = reverse("change_role", args=["acme", stranger.pk])
    assert alice.post(address, {"role": Role.VIEWER}).status_code == 404
    assert membership(cast.mallory).role == Role.OWNER


# --- Invitations --------------------------------------------------------------------------------


def test_who_is_a_member_already_is_not_invited(cast: Cast, alice: Client) -> None:
    content = alice.post(MEMBERS, {"email": "BOB@example.com", "role": Role.ADMIN}).content.decode()
    assert "此人已是成员" in content
    assert not Invitation.objects.exists()


def invite(alice: Client, email: str, role: str = Role.MEMBER) -> str:
    """The path of the link."""
    content = alice.post(MEMBERS, {"email": email, "role": role}, follow=True).content.decode()
    found = re.search(r'id="invitation-link">https?://[^/]+(/invitations/[^<]+)<', content)
    assert found
    return found[1]


def test_a_newcomer_joins_by_the_link_in_the_mail(cast: Cast, alice: Client) -> None:
    path = invite(alice, "Dave@example.com")
    assert path in str(mail.outbox[0].body)
    newcomer = Client()
    assert "加入Acme" in newcomer.get(path).content.decode()
    response = newcomer.post(path, {"name": "Dave", "password": "a rather long secret"})
    assert response.headers["Location"] == "/o/acme/"
    assert newcomer.get("/o/acme/").status_code == 200
    assert membership(User.objects.get(email="dave@example.com")).role == Role.MEMBER
    assert Client().get(path).status_code == 404


def test_loading_the_page_of_an_invitation_again_sends_no_second_mail(alice: Client) -> None:
    shown = alice.post(MEMBERS, {"email": "dave@example.com", "role": Role.VIEWER}, follow=True)
    again = alice.generic(shown.request["REQUEST_METHOD"], shown.request["PATH_INFO"])
    assert 'id="invitation-link"' not in again.content.decode()
    assert len(mail.outbox) == 1


def test_a_weak_password_is_refused(alice: Client) -> None:
    path = invite(alice, "dave@example.com")
    for password, words in (("password", "密码太常见"), ("Xk93jf", "密码太短，至少需要 8 个字符")):
        response = Client().post(path, {"name": "Dave", "password": password})
        assert words in response.content.decode()
    assert not User.objects.filter(email="dave@example.com").exists()


def test_who_has_an_account_signs_in_and_accepts(cast: Cast, alice: Client) -> None:
    path = invite(alice, "mallory@example.com", Role.VIEWER)
    assert reverse("account_login") in Client().get(path).headers["Location"]
    mallory = cast.client_of(cast.mallory)
    assert mallory.post(path).headers["Location"] == "/o/acme/"
    assert Membership.objects.get(user=cast.mallory, organization=cast.acme).role == Role.VIEWER


def test_an_invitation_is_for_one_address_only(cast: Cast, alice: Client) -> None:
    path = invite(alice, "dave@example.com", Role.ADMIN)
    mallory = cast.client_of(cast.mallory)
    assert mallory.post(path).status_code == 403
    assert not Membership.objects.filter(user=cast.mallory, organization=cast.acme).exists()


def test_a_withdrawn_invitation_is_worth_nothing(alice: Client) -> None:
    path = invite(alice, "dave@example.com")
    alice.post(reverse("withdraw", args=["acme", Invitation.objects.get().pk]))
    assert Client().get(path).status_code == 404


def test_only_owners_invite_owners(cast: Cast) -> None:
    Membership.objects.filter(user=cast.bob).update(role=Role.ADMIN)
    response = cast.client_of(cast.bob).post(MEMBERS, {"email": "d@example.com", "role": Role.OWNER})
    assert "只有所有者才能决定谁是所有者" in response.content.decode()
    assert not Invitation.objects.exists()


# --- Usage and policy ---------------------------------------------------------------------------


def test_usage_shows_what_was_charged(cast: Cast, fake_version: ModelVersion) -> None:
    detection = judged_text(cast.acme, HUMAN_PAPER)
    content = cast.client_of(cast.bob).get("/o/acme/usage/").content.decode()
    assert detection.characters is not None
    assert f"{1_000_000 - detection.characters:,}" in content
    assert str(detection.id) in content


def test_the_chart_has_a_bar_for_each_day() -> None:
    month = current_period().replace(month=2, year=2026)
    bars = day_bars(month, {month: 10, month.replace(day=3): 5})
    assert len(bars) == 28
    assert [bar.height for bar in bars[:3]] == [CHART_HEIGHT, 0, CHART_HEIGHT / 2]


@pytest.mark.parametrize(
    ("retention", "days", "kept"), [("keep", "", None), ("result_only", "", 0), ("days", "30", 30)]
)
def test_the_policy_is_saved(retention: str, days: str, kept: int | None, cast: Cast, alice: Client) -> None:
    data = {"tolerated_fpr": "0.005", "retention": retention, "days": days}
    assert "策略已保存" in alice.post(POLICY, data, follow=True).content.decode()
    with tenant_scope(cast.acme.id):
        policy = policy_of(organization_id=cast.acme.id)
    assert (policy.tolerated_fpr, policy.retention_days) == (Decimal("0.005"), kept)
    page = alice.get(POLICY).content.decode()
    assert re.search(r'value="0.005"[^>]*checked', page)
    assert re.search(rf'value="{retention}"[^>]*checked', page)


@pytest.mark.parametrize(
    "data",
    [
        {"tolerated_fpr": "0.5", "retention": "keep"},
        {"tolerated_fpr": "0.01", "retention": "days"},
        {"tolerated_fpr": "0.01", "retention": "days", "days": "0"},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(data: dict[str, str], cast: Cast, alice: Client) -> None:
    assert alice.post(POLICY, data).status_code == 200
    with tenant_scope(cast.acme.id):
        assert policy_of(organization_id=cast.acme.id).pk is None
