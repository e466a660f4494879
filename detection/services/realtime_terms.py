"""What the answer to a text depends on besides the text: how it is cut, the model, its calibration, the
tolerated rate.

In Valkey for a few seconds, so that a call need not ask the database. A changed policy is forgotten at once;
another model version counts after these seconds at the latest.
"""

from __future__ import annotations

from contextlib import suppress

from redis import RedisError

from detection.scoring.prepare import EDITION
from detection.selectors.model_versions import active_model_version
from detection.selectors.policies import policy_of
from zhenwen.jobs.queues import shared_connection
from zhenwen.tenancy.scope import tenant_scope

REMEMBERED_SECONDS = 5
_TERMS = "realtime:terms:"

# realtime_terms(organization): as text, or false.
TERMS_LUA = f"""
local function realtime_terms(organization)
  return redis.call('GET', '{_TERMS}' .. organization)
end
"""


def terms_of(*, organization_id: int) -> str | None:
    """None while no model version is active."""
    with suppress(RedisError):
        remembered = shared_connection().get(f"{_TERMS}{organization_id}")
        if remembered is not None:
            return remembered.decode()
    return remember_terms(organization_id=organization_id)


def remember_terms(*, organization_id: int) -> str | None:
    """As the database says them at this moment."""
    with tenant_scope(organization_id):
        version = active_model_version()
        tolerated_fpr = policy_of(organization_id=organization_id).tolerated_fpr
    if version is None:
        return None
    terms = written_terms(version.digest, version.calibration_digest, tolerated_fpr)
    with suppress(RedisError):
        shared_connection().set(f"{_TERMS}{organization_id}", terms, ex=REMEMBERED_SECONDS)
    return terms


def written_terms(model_digest: str, calibration_digest: str, tolerated_fpr: object) -> str:
    return f"{EDITION}:{model_digest[:16]}:{calibration_digest[:16]}:{tolerated_fpr}"


def tolerated_fpr_in(terms: str) -> str:
    return terms.rpartition(":")[2]


def forget_terms(*, organization_id: int) -> None:
    with suppress(RedisError):
        shared_connection().delete(f"{_TERMS}{organization_id}")
