"""An institution that may send as much as it likes; made inside the site, through `manage.py shell`."""

from __future__ import annotations

import json
import sys

from accounts.models import User
from accounts.services.api_keys import issue_api_key
from accounts.services.organizations import create_organization
from zhenwen.tenancy.scope import tenant_scope

GRANTED_CHARACTERS = 10**12


def make_tenant(slug: str) -> None:
    """Prints {"token"} of its API key as the last line."""
    owner = User.objects.create_user(f"{slug}@example.com", None, first_name=slug.title())
    organization = create_organization(
        name=slug.title(), slug=slug, owner=owner, granted_characters=GRANTED_CHARACTERS
    )
    with tenant_scope(organization.id):
        key = issue_api_key(organization=organization, name=slug, created_by=owner)
    sys.stdout.write(json.dumps({"token": key.token}) + "\n")
