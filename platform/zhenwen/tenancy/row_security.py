"""Migration operations that put a table behind PostgreSQL's row-level security."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.migrations.operations import RunSQL

from zhenwen.settings.databases import OPERATOR_ROLE, RUNTIME_ROLE

CREATE_ROLES = f"""
DO $$
DECLARE role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['{RUNTIME_ROLE}', '{OPERATOR_ROLE}'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', role_name);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;  -- the migration of another database of this server was quicker
      END;
    END IF;
    IF NOT pg_has_role(current_user, role_name, 'USAGE') THEN
      EXECUTE format('GRANT %I TO CURRENT_USER', role_name);
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', role_name);
    EXECUTE format(
      'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %I', role_name);
    EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO %I', role_name);
    EXECUTE format(
      'ALTER DEFAULT PRIVILEGES IN SCHEMA public '
      'GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', role_name);
    EXECUTE format(
      'ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO %I', role_name);
  END LOOP;
END $$;
"""


def create_roles() -> RunSQL:
    """The runtime and the operator role, with the rights on tables made before and after."""
    return RunSQL(CREATE_ROLES, RunSQL.noop)


def protect_table(table: str) -> RunSQL:
    """Row-level security, enabled and forced: the runtime role sees `app.organization_id`'s rows only."""
    own_rows = "organization_id = NULLIF(current_setting('app.organization_id', true), '')::bigint"
    return RunSQL(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant_rows ON {table} TO {RUNTIME_ROLE} USING ({own_rows}) WITH CHECK ({own_rows});
        CREATE POLICY operator_rows ON {table} TO {OPERATOR_ROLE} USING (true) WITH CHECK (true);
        """,
        f"""
        DROP POLICY operator_rows ON {table};
        DROP POLICY tenant_rows ON {table};
        ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
        ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
        """,
    )


def bind_to_parent(table: str, column: str, parent: str) -> RunSQL:
    """A composite foreign key: a row may only point at a parent of its own organization."""
    name = f"{table}_{column}_same_organization"
    return RunSQL(
        f"""
        ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (organization_id, {column})
        REFERENCES {parent} (organization_id, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
        """,
        f"ALTER TABLE {table} DROP CONSTRAINT {name};",
    )


def make_append_only(table: str) -> RunSQL:
    """Rows may be added, never changed or deleted, except with their whole organization by the owner."""
    roles: Iterable[str] = (RUNTIME_ROLE, OPERATOR_ROLE)
    revoke = "".join(f"REVOKE UPDATE, DELETE ON {table} FROM {role};" for role in roles)
    grant = "".join(f"GRANT UPDATE, DELETE ON {table} TO {role};" for role in roles)
    return RunSQL(revoke, grant)
