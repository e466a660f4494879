from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class TenancyConfig(AppConfig):
    default = True
    name = "zhenwen.tenancy"
    label = "tenancy"


class OperatorAdminConfig(admin_apps.AdminConfig):
    """django.contrib.admin with a site that works across organizations."""

    default = False
    default_site = "zhenwen.tenancy.admin_site.OperatorAdminSite"
