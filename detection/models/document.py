from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from zhenwen.tenancy.models import TenantModel


class Batch(TenantModel):
    """Documents handed in together."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=200, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("batch")
        constraints = [
            models.UniqueConstraint(fields=["organization", "id"], name="batch_of_organization"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)


class Document(TenantModel):
    """What was handed in. Its text and file stand in DocumentContent, so that they can be erased alone."""

    class Source(models.TextChoices):
        TEXT = "text", _("pasted text")
        FILE = "file", _("file")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, null=True, related_name="documents")
    source = models.CharField(_("source"), max_length=10, choices=Source)
    title = models.CharField(_("title"), max_length=255, blank=True)
    filename = models.CharField(_("file name"), max_length=255, blank=True)
    external_id = models.CharField(_("external id"), max_length=100, blank=True)
    size_bytes = models.PositiveBigIntegerField(_("size in bytes"))
    sha256 = models.CharField(max_length=64)
    page_count = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    erased_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("document")
        constraints = [
            models.UniqueConstraint(fields=["organization", "id"], name="document_of_organization"),
        ]

    def __str__(self) -> str:
        return self.title or self.filename or str(self.id)


class DocumentContent(TenantModel):
    """The file as it came and the text in it. PostgreSQL keeps both: no worker needs a shared disk."""

    document = models.OneToOneField(Document, on_delete=models.CASCADE, related_name="content")
    file_bytes = models.BinaryField(null=True)
    text = models.TextField(null=True)  # noqa: DJ001 - null: not extracted yet; empty cannot be
    blocks = models.JSONField(default=list)  # [[start, end, kind], …] in code points

    class Meta(TenantModel.Meta):
        pass

    def __str__(self) -> str:
        return str(self.document_id)
