"""Which organization the running code acts for.

A context variable says it to Python, a setting that row-level security reads says it to PostgreSQL. Both are
set together, for the length of one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from zhenwen.settings.databases import OPERATOR_ROLE


class TenantNotSet(RuntimeError):
    """A tenant's rows were asked for outside a scope."""


class TenantScopeConflict(RuntimeError):
    """A scope of one organization was opened inside that of another."""


@dataclass(frozen=True, slots=True)
class _Scope:
    organization_id: int | None  # None: the operator, across organizations


_scope: ContextVar[_Scope | None] = ContextVar("tenant_scope", default=None)


def current_organization_id() -> int | None:
    """The organization of the scope; None inside operator_scope(). Raises TenantNotSet outside any scope."""
    scope = _scope.get()
    if scope is None:
        raise TenantNotSet("Open tenant_scope(organization_id) before touching a tenant's rows.")
    return scope.organization_id


@contextmanager
def tenant_scope(organization_id: int) -> Iterator[None]:
    """One transaction that sees and writes the rows of this organization only.

    Raises TenantScopeConflict when another organization's scope is open. Re-entering the same one is allowed.
    """
    outer = _scope.get()
    if outer is not None and outer.organization_id not in (organization_id, None):
        raise TenantScopeConflict(f"scope of {outer.organization_id} is open, {organization_id} refused")
    # After the commit, in an on_commit hook, the scope is open still but PostgreSQL has forgotten it.
    if outer is not None and outer.organization_id == organization_id and connection.in_atomic_block:
        with transaction.atomic():
            yield
        return
    token = _scope.set(_Scope(organization_id))
    is_outermost = not connection.in_atomic_block
    try:
        with transaction.atomic():
            previous = "" if is_outermost else _database_organization()
            _set_database_organization(str(organization_id))
            yield
            if not is_outermost:  # a released savepoint keeps the setting, a committed transaction does not
                _set_database_organization(previous)
    finally:
        _scope.reset(token)


@contextmanager
def operator_scope() -> Iterator[None]:
    """One transaction across all organizations, for the platform's own work: sweeping, roll-ups, the admin.

    Raises TenantScopeConflict inside a tenant's scope: a tenant's request never widens.
    """
    outer = _scope.get()
    if outer is not None and outer.organization_id is not None:
        raise TenantScopeConflict("a tenant's scope is open")
    if outer is not None and connection.in_atomic_block:
        with transaction.atomic():
            yield
        return
    token = _scope.set(_Scope(None))
    is_outermost = not connection.in_atomic_block
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            previous_role = "" if is_outermost else _role(cursor)
            cursor.execute(f"SET LOCAL ROLE {OPERATOR_ROLE}")
            yield
            if not is_outermost:
                cursor.execute(f"SET LOCAL ROLE {previous_role}")
    finally:
        _scope.reset(token)


def _role(cursor: CursorWrapper) -> str:
    cursor.execute("SELECT current_setting('role')")
    return str(cursor.fetchone()[0])


def _database_organization() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.organization_id', true)")
        return cursor.fetchone()[0] or ""


def _set_database_organization(value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.organization_id', %s, true)", [value])
