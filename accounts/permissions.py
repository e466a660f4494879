"""What each role may do. Views name a permission; this table is the only place that knows roles."""

from __future__ import annotations

from enum import StrEnum

from accounts.models import Role


class Permission(StrEnum):
    READ_REPORTS = "read_reports"
    SUBMIT_DOCUMENTS = "submit_documents"
    ERASE_DOCUMENTS = "erase_documents"
    READ_USAGE = "read_usage"
    MANAGE_API_KEYS = "manage_api_keys"
    MANAGE_MEMBERS = "manage_members"
    MANAGE_POLICY = "manage_policy"
    READ_AUDIT_LOG = "read_audit_log"


_VIEWER = {Permission.READ_REPORTS}
_MEMBER = _VIEWER | {Permission.SUBMIT_DOCUMENTS, Permission.ERASE_DOCUMENTS, Permission.READ_USAGE}
_ADMIN = _MEMBER | {
    Permission.MANAGE_API_KEYS,
    Permission.MANAGE_MEMBERS,
    Permission.MANAGE_POLICY,
    Permission.READ_AUDIT_LOG,
}

ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.VIEWER: frozenset(_VIEWER),
    Role.MEMBER: frozenset(_MEMBER),
    Role.ADMIN: frozenset(_ADMIN),
    Role.OWNER: frozenset(_ADMIN),
}


def role_permits(role: str, permission: Permission) -> bool:
    return permission in ROLE_PERMISSIONS[role]
