"""Every test talks to real PostgreSQL and Valkey, as the runtime role that row-level security binds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker

from zhenwen.settings.databases import RUNTIME_ROLE

pytest_plugins = ["tests.cast", "tests.servers"]

# A property holds or it does not; how long a shared machine takes to see it says nothing.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The owner creates the test database; from then on every connection takes the runtime role."""
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            # Only so that tests with real commits can be cleaned up after.
            cursor.execute(f"GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO {RUNTIME_ROLE}")
            cursor.execute(f"GRANT UPDATE ON ALL SEQUENCES IN SCHEMA public TO {RUNTIME_ROLE}")
        connection.close()
        options = connection.settings_dict["OPTIONS"]
        options["options"] = f"-c role={RUNTIME_ROLE}"
        yield
        connection.close()
        options.pop("options")
        with connection.cursor() as cursor:
            # A process that a test has killed may not be gone yet; its session would keep the database.
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        connection.close()
