"""Whose turn it is: institutions take turns, however much each of them has waiting."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from detection.models import Detection
from detection.services.leases import lease_end
from detection.services.transitions import move
from detection.states import State
from zhenwen.observability.metrics import STAGE_SECONDS
from zhenwen.tenancy.scope import operator_scope

# The institutions with something waiting, found by one step through the index for each; then the one with the
# least in hand, among equals the one served longest ago; then its oldest that nobody else is just taking.
_NEXT = """
WITH RECURSIVE waiting (organization_id) AS (
    (SELECT organization_id FROM detection_detection
     WHERE state = %(waiting)s AND priority = %(priority)s
     ORDER BY organization_id LIMIT 1)
  UNION ALL
    SELECT (SELECT d.organization_id FROM detection_detection d
            WHERE d.state = %(waiting)s AND d.priority = %(priority)s
              AND d.organization_id > waiting.organization_id
            ORDER BY d.organization_id LIMIT 1)
    FROM waiting WHERE waiting.organization_id IS NOT NULL
), in_hand AS (
    SELECT organization_id, count(*) AS number FROM detection_detection
    WHERE state = %(working)s AND priority = %(priority)s GROUP BY organization_id
)
SELECT oldest.* FROM (
    SELECT waiting.organization_id, coalesce(in_hand.number, 0) AS in_hand,
           (SELECT max(d.claimed_at) FROM detection_detection d
            WHERE d.organization_id = waiting.organization_id AND d.claimed_at IS NOT NULL) AS served_at
    FROM waiting LEFT JOIN in_hand USING (organization_id)
    WHERE waiting.organization_id IS NOT NULL
    ORDER BY in_hand, served_at NULLS FIRST
) turns CROSS JOIN LATERAL (
    SELECT d.* FROM detection_detection d
    WHERE d.state = %(waiting)s AND d.priority = %(priority)s AND d.organization_id = turns.organization_id
      AND (d.run_after IS NULL OR d.run_after <= %(now)s)
    ORDER BY d.waiting_since LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
) oldest
LIMIT 1  -- takes the turns in their order and looks no further: no row of another institution is locked
"""


def claim_next(*, waiting: State, priority: str, to: State, **fields: Any) -> Detection | None:
    """Take the detection whose turn it is into the working state `to`, under a lease; None when none waits.

    Looks across institutions; whoever works on it does so in the scope of its own.
    """
    now = timezone.now()
    with operator_scope():
        parameters = {"waiting": waiting.value, "working": to.value, "priority": priority, "now": now}
        detection = next(iter(Detection.objects.raw(_NEXT, parameters)), None)
        if detection is None:
            return None
        if detection.started_at is None:
            fields["started_at"] = now
        move(detection, to=to, claimed_at=now, lease_expires_at=lease_end(), **fields)
    waited = now - max(detection.waiting_since, detection.run_after or detection.waiting_since)
    STAGE_SECONDS.labels("wait").observe(waited.total_seconds())
    return detection
