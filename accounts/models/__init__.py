"""Identity: who may act, and for which organization.

These tables are read before the organization is known (sign-in, API key), so they are the only ones of a
tenant without row-level security; selectors always filter them by user, key or organization.
"""

from accounts.models.api_key import ApiKey
from accounts.models.invitation import Invitation
from accounts.models.membership import Membership, Role
from accounts.models.organization import Organization
from accounts.models.user import User

__all__ = ["ApiKey", "Invitation", "Membership", "Organization", "Role", "User"]
