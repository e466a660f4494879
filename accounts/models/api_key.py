from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.organization import Organization


class ApiKey(models.Model):
    """`zw_live_<lookup>_<secret><checksum>`: only the lookup id and an HMAC of the secret are kept."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="api_keys", verbose_name=_("organization")
    )
    name = models.CharField(_("name"), max_length=100)
    lookup_id = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    pepper_version = models.PositiveSmallIntegerField(default=0)
    display_hint = models.CharField(_("key"), max_length=40)
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    allowed_networks = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return self.display_hint
