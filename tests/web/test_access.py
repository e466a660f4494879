"""Who may open what: every address below /o/<slug>/ names a permission, and keeps strangers out."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.models import Membership, Organization, Role
from accounts.permissions import ROLE_PERMISSIONS, Permission, role_permits
from detection.models import Detection, ModelVersion
from tests.cast import Cast
from tests.web.papers import HUMAN_PAPER, judged_text

# What opening or using each page asks for; new pages belong here.
PAGES: dict[str, tuple[str, Permission]] = {
    "documents": ("get", Permission.READ_REPORTS),
    "batch": ("get", Permission.READ_REPORTS),
    "detection": ("get", Permission.READ_REPORTS),
    "report_json": ("get", Permission.READ_REPORTS),
    "submit_files": ("post", Permission.SUBMIT_DOCUMENTS),
    "submit_text": ("post", Permission.SUBMIT_DOCUMENTS),
    "submit_batch": ("post", Permission.SUBMIT_DOCUMENTS),
    "cancel_detection": ("get", Permission.SUBMIT_DOCUMENTS),
    "erase_document": ("get", Permission.ERASE_DOCUMENTS),
    "usage": ("get", Permission.READ_USAGE),
    "policy": ("get", Permission.MANAGE_POLICY),
    "api_keys": ("get", Permission.MANAGE_API_KEYS),
    "revoke_api_key": ("post", Permission.MANAGE_API_KEYS),
    "audit_log": ("get", Permission.READ_AUDIT_LOG),
    "members": ("get", Permission.MANAGE_MEMBERS),
    "change_role": ("post", Permission.MANAGE_MEMBERS),
    "remove_member": ("post", Permission.MANAGE_MEMBERS),
    "withdraw": ("post", Permission.MANAGE_MEMBERS),
}


def organization_patterns(resolver: URLResolver, prefix: str = "") -> Iterator[URLPattern]:
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from organization_patterns(pattern, path)
        elif path.startswith("o/"):
            yield pattern


def test_every_page_of_an_organization_names_its_permission() -> None:
    found = {
        str(pattern.name): getattr(pattern.callback, "required_permission", None)
        for pattern in organization_patterns(get_resolver())
    }
    assert found == {name: permission for name, (_method, permission) in PAGES.items()}


@pytest.fixture
def detection(cast: Cast, fake_version: ModelVersion) -> Detection:
    return judged_text(cast.acme, HUMAN_PAPER)


def address(name: str, organization: Organization, detection: Detection) -> str:
    parts: dict[str, object] = {
        "batch": uuid.uuid4(),
        "revoke_api_key": 1,
        "change_role": 1,
        "remove_member": 1,
        "withdraw": 1,
    }
    arguments: list[object] = [organization.slug]
    if name in parts:
        arguments.append(parts[name])
    elif name in ("detection", "report_json", "cancel_detection", "erase_document"):
        arguments.append(detection.id)
    return reverse(name, args=arguments)


@pytest.mark.parametrize("name", PAGES)
def test_strangers_find_nothing(name: str, cast: Cast, detection: Detection) -> None:
    mallory = cast.client_of(cast.mallory)
    method, _permission = PAGES[name]
    response = getattr(mallory, method)(address(name, cast.acme, detection))
    assert response.status_code == 404


@pytest.mark.parametrize("name", ["detection", "report_json", "cancel_detection", "erase_document"])
def test_another_organizations_detection_is_not_found_under_ones_own_address(
    name: str, cast: Cast, detection: Detection
) -> None:
    mallory = cast.client_of(cast.mallory)
    assert mallory.get(reverse(name, args=["rival", detection.id])).status_code == 404
    assert mallory.post(reverse("erase_document", args=["rival", detection.id])).status_code == 404


@pytest.mark.parametrize("name", PAGES)
def test_who_is_not_signed_in_is_asked_to(name: str, cast: Cast, detection: Detection, client) -> None:  # type: ignore[no-untyped-def]
    method, _permission = PAGES[name]
    response = getattr(client, method)(address(name, cast.acme, detection))
    assert response.status_code == 302
    assert response.url.startswith(reverse("account_login"))


@pytest.mark.parametrize("role", ROLE_PERMISSIONS)
@pytest.mark.parametrize("name", PAGES)
def test_roles_open_what_their_permissions_say(
    name: str, role: str, cast: Cast, detection: Detection
) -> None:
    Membership.objects.filter(organization=cast.acme, user=cast.bob).update(role=role)
    method, permission = PAGES[name]
    response = getattr(cast.client_of(cast.bob), method)(address(name, cast.acme, detection))
    assert (response.status_code == 403) is not role_permits(role, permission)


def test_viewers_read_but_are_offered_nothing_to_change(cast: Cast, detection: Detection) -> None:
    carol = cast.client_of(cast.carol)
    documents = carol.get(reverse("documents", args=["acme"])).content.decode()
    report = carol.get(reverse("detection", args=["acme", detection.id])).content.decode()
    assert detection.document.title in documents
    assert reverse("submit_files", args=["acme"]) not in documents
    assert reverse("erase_document", args=["acme", detection.id]) not in report
    assert reverse("usage", args=["acme"]) not in documents


def test_an_inactive_organization_is_closed(cast: Cast, detection: Detection) -> None:
    Organization.objects.filter(pk=cast.acme.pk).update(is_active=False)
    alice = cast.client_of(cast.alice)
    assert alice.get(reverse("documents", args=["acme"])).status_code == 404


def test_home_leads_to_the_first_organization(cast: Cast) -> None:
    response = cast.client_of(cast.carol).get("/")
    assert response.headers["Location"] == reverse("documents", args=["acme"])


def test_home_tells_who_belongs_nowhere_what_to_do(cast: Cast) -> None:
    Membership.objects.filter(user=cast.carol, role=Role.VIEWER).delete()
    response = cast.client_of(cast.carol).get("/")
    assert response.status_code == 200
    assert "carol@example.com" in response.content.decode()


def test_who_is_signed_out_signs_in_and_comes_back(client: Client) -> None:
    reply = client.get("/o/acme/?q=x")
    assert reply.headers["Location"] == "/accounts/login/?next=/o/acme/%3Fq%3Dx"


def test_what_was_posted_signed_out_leads_to_no_address_that_only_takes_posts(client: Client) -> None:
    reply = client.post("/o/acme/submit/text", {"text": HUMAN_PAPER})
    assert reply.headers["Location"] == "/accounts/login/?next=/"


def test_a_list_that_asks_for_itself_signed_out_loads_the_page_anew(client: Client) -> None:
    reply = client.get("/o/acme/", headers={"HX-Request": "true"})
    assert (reply.headers["HX-Refresh"], reply.content) == ("true", b"")


def test_the_script_that_sends_files_is_told_that_it_is_signed_out(client: Client) -> None:
    assert client.post("/o/acme/submit/files", headers={"Accept": "application/json"}).status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/accounts/signup/", "/accounts/inactive/"])
def test_who_cannot_come_in_is_told_why_and_shown_the_way_back(client: Client, address: str) -> None:
    content = client.get(address).content.decode()
    assert "请联系" in content
    assert f'href="{reverse("account_login")}">返回登录' in content
