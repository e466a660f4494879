from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.forms import IntegerField, ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, Membership, Organization, User
from accounts.services.organizations import open_organization
from accounts.services.remembered_keys import forget_keys_of
from zhenwen.tenancy.read_only import ReadOnlyAdmin


class OrganizationCreationForm(ModelForm[Organization]):
    granted_characters = IntegerField(
        label=_("Characters a month"),
        min_value=0,
        initial=10_000_000,
        help_text=_("What it may have analysed. Change it later under “Allowances”."),
    )


class MembershipInline(admin.TabularInline[Membership, Organization]):
    model = Membership
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(Organization)
class OrganizationAdmin(admin.ModelAdmin[Organization]):
    list_display = ("name", "slug", "is_active", "created_at")
    search_fields = ("name", "slug")
    inlines = (MembershipInline,)

    def get_form(
        self,
        request: HttpRequest,
        obj: Organization | None = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        **options: Any,
    ) -> type[ModelForm[Organization]]:
        form = self.form if change else OrganizationCreationForm
        return super().get_form(request, obj, change, form=form, **options)

    def save_model(
        self,
        request: HttpRequest,
        obj: Organization,
        form: ModelForm[Organization],
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            open_organization(
                organization=obj,
                granted_characters=form.cleaned_data["granted_characters"],
                opened_by=cast("User", request.user),
            )
        # It may not be active any more.
        forget_keys_of(organization_id=obj.pk)


class EmailUserCreationForm(AdminUserCreationForm[User]):
    class Meta:
        model = User
        fields = ("email",)


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    add_form = EmailUserCreationForm
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "is_staff", "is_active")
    search_fields = ("email", "first_name", "last_name")
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        (None, {"fields": ("first_name", "last_name")}),
        (None, {"fields": ("is_active", "is_staff", "is_superuser", "last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = ("display_hint", "organization", "name", "created_at", "last_used_at", "revoked_at")
    list_filter = ("organization",)
    exclude = ("digest",)
