"""For commands that need no server: no secret is asked for, no database and no Redis can be reached."""

from __future__ import annotations

import os
import secrets

os.environ.setdefault("DJANGO_SECRET_KEY", secrets.token_urlsafe(50))
os.environ.setdefault("API_KEY_PEPPERS", secrets.token_urlsafe(50))
os.environ["DATABASE_URL"] = "postgresql:///none"
os.environ["REDIS_URL"] = "redis://localhost:0"

from zhenwen.settings.base import *  # noqa: F403

DATABASES = {"default": {"ENGINE": "django.db.backends.dummy"}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
