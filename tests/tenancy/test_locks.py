"""Three locks between tenants, each proved with the others out of the way."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, connection, transaction

from detection.models import Batch, Detection, Document, DocumentContent
from tests.cast import Cast
from zhenwen.settings.databases import RUNTIME_ROLE
from zhenwen.tenancy.models import TenantModel
from zhenwen.tenancy.scope import (
    TenantNotSet,
    TenantScopeConflict,
    operator_scope,
    tenant_scope,
)

TENANT_TABLES = sorted(model._meta.db_table for model in apps.get_models() if issubclass(model, TenantModel))


def make_document(organization_id: int, title: str) -> Document:
    with tenant_scope(organization_id):
        return Document.objects.create(
            organization_id=organization_id, source="text", title=title, size_bytes=1, sha256="0" * 64
        )


def test_tests_run_as_the_role_that_row_security_binds(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == (RUNTIME_ROLE, False, False)
        cursor.execute("SELECT count(*) FROM pg_tables WHERE tableowner = %s", [RUNTIME_ROLE])
        assert cursor.fetchone() == (0,)


def test_manager_raises_outside_a_scope(db: None) -> None:
    with pytest.raises(TenantNotSet):
        Document.objects.count()


def test_manager_shows_own_rows_only(cast: Cast) -> None:
    make_document(cast.acme.id, "acme's")
    make_document(cast.rival.id, "rival's")
    with tenant_scope(cast.acme.id):
        assert [document.title for document in Document.objects.all()] == ["acme's"]


def test_row_security_holds_with_the_manager_bypassed(cast: Cast) -> None:
    rivals = make_document(cast.rival.id, "rival's")
    with tenant_scope(cast.acme.id):
        assert not Document.all_tenants.filter(pk=rivals.pk).exists()
        assert Document.all_tenants.filter(pk=rivals.pk).update(title="stolen") == 0
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM detection_document WHERE id = %s", [rivals.pk])
            assert cursor.rowcount == 0
    assert not Document.all_tenants.exists()


def test_row_security_refuses_rows_for_another_organization(cast: Cast) -> None:
    with (
        tenant_scope(cast.acme.id),
        pytest.raises(DatabaseError, match="row-level security"),
        transaction.atomic(),
    ):
        Document.objects.create(organization_id=cast.rival.id, source="text", size_bytes=1, sha256="0" * 64)


def test_a_row_cannot_point_at_another_organizations_document(cast: Cast) -> None:
    rivals = make_document(cast.rival.id, "rival's")
    with (
        tenant_scope(cast.acme.id),
        pytest.raises(IntegrityError, match="same_organization"),
        transaction.atomic(),
    ):
        DocumentContent.objects.create(organization_id=cast.acme.id, document_id=rivals.pk, text="x")
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_every_tenant_table_is_enabled_forced_and_has_policies(db: None, table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = %s", [table])
        assert cursor.fetchone() == (True, True)
        cursor.execute("SELECT policyname FROM pg_policies WHERE tablename = %s ORDER BY 1", [table])
        assert cursor.fetchall() == [("operator_rows",), ("tenant_rows",)]


def test_scope_of_another_organization_cannot_be_nested(cast: Cast) -> None:
    with tenant_scope(cast.acme.id), pytest.raises(TenantScopeConflict), tenant_scope(cast.rival.id):
        pass


def test_a_tenants_scope_never_widens_to_the_operators(cast: Cast) -> None:
    with tenant_scope(cast.acme.id), pytest.raises(TenantScopeConflict), operator_scope():
        pass


def test_operator_sees_all_and_may_narrow_to_one(cast: Cast) -> None:
    make_document(cast.acme.id, "acme's")
    make_document(cast.rival.id, "rival's")
    with operator_scope():
        assert Document.objects.count() == 2
        with tenant_scope(cast.acme.id):
            assert Document.objects.count() == 1
        assert Document.objects.count() == 2
    with pytest.raises(TenantNotSet):
        Document.objects.count()


def test_scope_ends_with_its_transaction_even_after_an_error(cast: Cast) -> None:
    make_document(cast.acme.id, "acme's")
    with pytest.raises(ZeroDivisionError), tenant_scope(cast.acme.id):
        _ = 1 / 0
    assert not Document.all_tenants.exists()


def test_audit_and_ledger_are_append_only(cast: Cast) -> None:
    for table in ("audit_auditevent", "ledger_ledgerentry"):
        with (
            tenant_scope(cast.acme.id),
            pytest.raises(DatabaseError, match="permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"DELETE FROM {table}")


def test_database_refuses_a_transition_that_is_not_in_the_table(cast: Cast) -> None:
    document = make_document(cast.acme.id, "acme's")
    with tenant_scope(cast.acme.id):
        batch = Batch.objects.create(organization=cast.acme)
        assert batch.pk
        detection = Detection.objects.create(
            organization=cast.acme, document=document, state="queued_for_scoring", tolerated_fpr="0.01"
        )
        with pytest.raises(IntegrityError, match="cannot go from"), transaction.atomic():
            Detection.objects.filter(pk=detection.pk).update(state="succeeded")
