"""Settings of the tests: real PostgreSQL and Valkey, quick hashes, no secrets worth keeping."""

import os

os.environ.setdefault("DJANGO_SECRET_KEY", "tests-only")
os.environ.setdefault("API_KEY_PEPPERS", "tests-only-pepper")
os.environ.setdefault("DATABASE_URL", "postgres://zhenwen@127.0.0.1:5432/zhenwen")
os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:6379/0")
# Test processes that run side by side each have a numbered database of the one Valkey.
if _worker := os.environ.get("PYTEST_XDIST_WORKER"):
    _server = os.environ["REDIS_URL"].rpartition("/")[0]
    os.environ["REDIS_URL"] = f"{_server}/{int(_worker.removeprefix('gw')) + 1}"

from zhenwen.settings.base import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
ALLOWED_HOSTS = ["*"]
# The owner creates the test database; tests/conftest.py then takes the runtime role.
DATABASES["default"]["OPTIONS"].pop("options", None)  # noqa: F405
DATABASES["default"]["CONN_MAX_AGE"] = 0  # noqa: F405
# Static files straight from their folders, nothing collected.
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
