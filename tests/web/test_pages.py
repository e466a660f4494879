"""What holds for every page: the security policy, the error pages, signing in and out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.views import defaults

from tests.cast import Cast

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_needs_what_the_security_policy_forbids(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"\sstyle=", text)
    assert not re.search(r"\son[a-z]+=", text)
    assert not re.search(r"<style|<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"(src|href)=\"(https?:)?//", text)
    assert "hx-on" not in text


@pytest.mark.django_db
def test_pages_carry_a_strict_security_policy(client: Client) -> None:
    policy = client.get("/accounts/login/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("language", "words"), [("zh-hans", "这里没有内容"), ("en", "There is nothing here")]
)
@pytest.mark.django_db
def test_a_missing_page_is_said_in_the_readers_language(language: str, words: str, client: Client) -> None:
    response = client.get("/nowhere", headers={"Accept-Language": language})
    assert response.status_code == 404
    assert words in response.content.decode()


def test_every_kind_of_error_has_a_page(rf: RequestFactory) -> None:
    request = rf.get("/")
    replies = {
        400: defaults.bad_request(request, SuspiciousOperation()),
        403: defaults.permission_denied(request, PermissionDenied()),
        500: defaults.server_error(request),
    }
    for status, reply in replies.items():
        assert reply.status_code == status
        assert 'href="/"' in reply.content.decode()
    for name in ("413.html", "429.html", "403_csrf.html"):
        assert "<h1>" in render_to_string(name)


def test_signing_in_leads_home_and_out_again(cast: Cast, client: Client) -> None:
    data = {"login": "alice@example.com", "password": "correct horse"}
    response = client.post("/accounts/login/", data, follow=True)
    assert response.redirect_chain[-1][0] == "/o/acme/"
    client.post("/accounts/logout/")
    assert client.get("/o/acme/").status_code == 302


def test_a_wrong_password_says_so_and_nothing_more(cast: Cast, client: Client) -> None:
    replies = [
        client.post("/accounts/login/", {"login": email, "password": "wrong"}).content.decode()
        for email in ("alice@example.com", "nobody@example.com")
    ]
    errors = [re.findall(r'role="alert">(.*?)</div>', reply, re.DOTALL) for reply in replies]
    assert errors[0]
    assert errors[0] == errors[1]


def test_a_forgotten_password_is_reset_by_mail(cast: Cast, client: Client) -> None:
    client.post("/accounts/password/reset/", {"email": "bob@example.com"})
    link = re.search(r"https?://[^/]+(/accounts/password/reset/key/\S+)", str(mail.outbox[0].body))
    assert link
    page = client.get(link[1], follow=True)
    assert "新密码" in page.content.decode()
    path = page.redirect_chain[-1][0]
    client.post(path, {"password1": "a rather long secret", "password2": "a rather long secret"})
    assert client.login(email="bob@example.com", password="a rather long secret")


def test_nobody_signs_up_from_outside(client: Client, db: None) -> None:
    data = {
        "email": "x@example.com",
        "password1": "a rather long secret",
        "password2": "a rather long secret",
    }
    response = client.post("/accounts/signup/", data)
    assert not client.login(email="x@example.com", password="a rather long secret")
    assert response.status_code == 200
