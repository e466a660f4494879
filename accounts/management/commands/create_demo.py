"""Two institutions to try the product with: Acme (Alice, Bob, Carol) and Rival (Mallory)."""

from __future__ import annotations

import json
import secrets
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from accounts.models import Organization, Role, User
from accounts.services.api_keys import issue_api_key
from accounts.services.organizations import add_member, create_organization
from zhenwen.tenancy.scope import tenant_scope

GRANTED_CHARACTERS = 50_000_000


class Command(BaseCommand):
    help = "Creates the demo institutions once, and prints their logins and an API key as JSON."

    @transaction.atomic
    def handle(self, *_args: Any, **_options: Any) -> None:
        if Organization.objects.filter(slug="acme").exists():
            self.stdout.write(json.dumps({"created": False}))
            return
        password = secrets.token_urlsafe(9)
        alice, bob, carol, mallory = (
            User.objects.create_user(f"{name}@example.com", password, first_name=name.title())
            for name in ("alice", "bob", "carol", "mallory")
        )
        User.objects.create_superuser("operator@example.com", password, first_name="Operator")
        acme = create_organization(
            name="Acme 大学", slug="acme", owner=alice, granted_characters=GRANTED_CHARACTERS
        )
        create_organization(
            name="Rival 学院", slug="rival", owner=mallory, granted_characters=GRANTED_CHARACTERS
        )
        add_member(organization=acme, user=bob, role=Role.MEMBER, added_by=alice)
        add_member(organization=acme, user=carol, role=Role.VIEWER, added_by=alice)
        with tenant_scope(acme.id):
            key = issue_api_key(organization=acme, name="demo", created_by=alice)
        logins = [
            {"email": alice.email, "organization": "acme", "role": Role.OWNER},
            {"email": bob.email, "organization": "acme", "role": Role.MEMBER},
            {"email": carol.email, "organization": "acme", "role": Role.VIEWER},
            {"email": mallory.email, "organization": "rival", "role": Role.OWNER},
            {"email": "operator@example.com", "organization": "", "role": "operator"},
        ]
        demo = {"created": True, "password": password, "logins": logins, "api_key": key.token}
        self.stdout.write(json.dumps(demo))
