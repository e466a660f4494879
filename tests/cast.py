"""Alice owns Acme, Bob is a member, Carol a viewer; Mallory owns Rival, another institution."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.test import Client

from accounts.models import Organization, Role, User
from accounts.services.api_keys import issue_api_key
from accounts.services.organizations import add_member, create_organization


@dataclass(frozen=True)
class Cast:
    acme: Organization
    rival: Organization
    alice: User
    bob: User
    carol: User
    mallory: User
    acme_key: str
    rival_key: str

    def client_of(self, user: User) -> Client:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def make_cast(granted_characters: int = 1_000_000) -> Cast:
    alice, bob, carol, mallory = (
        User.objects.create_user(f"{name}@example.com", "correct horse")
        for name in ("alice", "bob", "carol", "mallory")
    )
    acme = create_organization(name="Acme", slug="acme", owner=alice, granted_characters=granted_characters)
    rival = create_organization(
        name="Rival", slug="rival", owner=mallory, granted_characters=granted_characters
    )
    add_member(organization=acme, user=bob, role=Role.MEMBER, added_by=alice)
    add_member(organization=acme, user=carol, role=Role.VIEWER, added_by=alice)
    return Cast(
        acme=acme,
        rival=rival,
        alice=alice,
        bob=bob,
        carol=carol,
        mallory=mallory,
        acme_key=issue_api_key(organization=acme, name="tests", created_by=alice).token,
        rival_key=issue_api_key(organization=rival, name="tests", created_by=mallory).token,
    )
