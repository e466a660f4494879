"""What the door remembers of a caller, asked of the database again before it is forgotten.

So that in a stream of calls none has to wait for the database: what was remembered holds for seconds only.
"""

from __future__ import annotations

import structlog
from django.db import DatabaseError
from redis import RedisError

from accounts.services.api_keys import ApiKeyRefused, recognise_api_key
from detection.services.realtime_terms import remember_terms
from detection.services.realtime_usage import refresh_remaining

logger = structlog.get_logger(__name__)

# With fewer seconds left it is time.
RENEW_SECONDS = 2


def renew(*, token: str, remote_address: str | None) -> None:
    """Key, terms and remaining characters. What cannot be renewed is simply forgotten in time."""
    try:
        api_key = recognise_api_key(token=token, remote_address=remote_address)
        remember_terms(organization_id=api_key.organization_id)
        refresh_remaining(organization_id=api_key.organization_id)
    except (ApiKeyRefused, DatabaseError, RedisError) as error:
        logger.warning("caller not renewed", error_type=type(error).__name__)
