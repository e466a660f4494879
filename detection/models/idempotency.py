from __future__ import annotations

from django.db import models

from zhenwen.tenancy.models import TenantModel


class IdempotentReply(TenantModel):
    """The reply once given to an Idempotency-Key; without a status the first call is still running."""

    key = models.CharField(max_length=255)
    request_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organization", "key"], name="one_reply_per_idempotency_key"),
        ]

    def __str__(self) -> str:
        return self.key
