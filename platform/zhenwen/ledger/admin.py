from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from zhenwen.ledger.models import Allowance, LedgerEntry
from zhenwen.ledger.services import change_grant
from zhenwen.tenancy.read_only import ReadOnlyAdmin


@admin.register(Allowance)
class AllowanceAdmin(admin.ModelAdmin[Allowance]):
    """The grant is the one number an operator sets; the change is booked in the ledger."""

    list_display = ("organization", "period", "granted_characters", "used_characters", "reserved_characters")
    list_filter = ("organization",)
    fields = ("organization", "period", "granted_characters", "used_characters", "reserved_characters")
    readonly_fields = ("organization", "period", "used_characters", "reserved_characters")

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def save_model(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: Allowance,
        form: forms.ModelForm[Allowance],  # noqa: ARG002
        change: bool,  # noqa: ARG002, FBT001 - Django's signature
    ) -> None:
        change_grant(allowance_id=obj.pk, granted_characters=obj.granted_characters)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "organization", "kind", "characters", "reference")
    list_filter = ("kind", "organization")
    date_hierarchy = "created_at"
