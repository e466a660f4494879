from django.contrib import admin

from zhenwen.audit.models import AuditEvent
from zhenwen.tenancy.read_only import ReadOnlyAdmin


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "organization", "actor_label", "action", "target")
    list_filter = ("action", "organization")
    date_hierarchy = "created_at"
