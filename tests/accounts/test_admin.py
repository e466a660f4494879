"""The operator's admin works across organizations; nobody else gets in."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.admin.templatetags.admin_list import result_headers
from django.test import Client
from django.urls import reverse

from accounts.models import Role, User
from tests.cast import Cast
from zhenwen.ledger.models import Allowance, LedgerEntry
from zhenwen.tenancy.scope import operator_scope, tenant_scope


@pytest.fixture
def operator(cast: Cast) -> Client:
    return cast.client_of(User.objects.create_superuser("operator@example.com", "correct horse"))


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda model: model.__name__)
def test_every_list_opens(operator: Client, model: type) -> None:
    options = model._meta  # type: ignore[attr-defined]
    reply = operator.get(reverse(f"admin:{options.app_label}_{options.model_name}_changelist"))
    assert reply.status_code == 200


def test_every_list_is_called_by_its_chinese_name(operator: Client) -> None:
    content = operator.get(reverse("admin:index")).content.decode()
    names = re.findall(r'<th scope="row"[^>]*>\s*<a [^>]*>([^<]+)</a>', content)
    assert len(names) == len(admin.site._registry)
    assert not [name for name in names if not re.search(r"[\u4e00-\u9fff]", name) or name.endswith("s")]


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda model: model.__name__)
def test_every_column_has_a_chinese_heading(operator: Client, model: type) -> None:
    options = model._meta  # type: ignore[attr-defined]
    page = operator.get(reverse(f"admin:{options.app_label}_{options.model_name}_changelist"))
    headings = [str(header["text"]) for header in result_headers(page.context["cl"])]
    words = [heading for heading in headings if heading and "<" not in heading and heading.lower() != "id"]
    assert words
    assert not [heading for heading in words if not re.search(r"[\u4e00-\u9fff]", heading)]


def test_a_stranger_signs_in_through_the_door_of_all(client: Client) -> None:
    reply = client.get(reverse("admin:login"))
    assert reply.status_code == 302
    assert reply.headers["Location"].startswith(reverse("account_login"))


def test_allowances_of_all_organizations_are_listed(operator: Client) -> None:
    page = operator.get(reverse("admin:ledger_allowance_changelist")).content.decode()
    assert "Acme" in page
    assert "Rival" in page


def test_a_changed_grant_is_booked(operator: Client, cast: Cast) -> None:
    with tenant_scope(cast.acme.id):
        allowance = Allowance.objects.get()
    operator.post(
        reverse("admin:ledger_allowance_change", args=[allowance.pk]), {"granted_characters": 1_500_000}
    )
    with operator_scope():
        allowance.refresh_from_db()
        assert allowance.granted_characters == 1_500_000
        assert LedgerEntry.objects.filter(organization=cast.acme, kind="grant", characters=500_000).exists()


def test_an_institution_opened_by_an_operator_can_work_at_once(operator: Client, cast: Cast) -> None:
    owner = User.objects.create_user("dean@example.com", "correct horse")
    reply = operator.post(
        reverse("admin:accounts_organization_add"),
        {
            "name": "第三大学",
            "slug": "third",
            "is_active": "on",
            "granted_characters": "5000",
            "memberships-TOTAL_FORMS": "1",
            "memberships-INITIAL_FORMS": "0",
            "memberships-0-user": str(owner.pk),
            "memberships-0-role": Role.OWNER,
        },
    )
    assert reply.status_code == 302
    dean = cast.client_of(owner)
    assert "5,000" in dean.get("/o/third/usage/").content.decode()
    text = "春天的傍晚，我沿着江边慢慢走回家。"
    assert "/detections/" in dean.post("/o/third/submit/text", {"text": text}).headers["Location"]


def test_an_operator_without_an_institution_is_shown_the_way(operator: Client) -> None:
    assert f'class="button" href="{reverse("admin:index")}"' in operator.get("/").content.decode()


def test_an_institutions_owner_is_no_operator(cast: Cast) -> None:
    reply = cast.client_of(cast.alice).get(reverse("admin:ledger_allowance_changelist"))
    assert reply.status_code in (302, 403)
