from django.apps import AppConfig


class TenancyConfig(AppConfig):
    name = "zhenwen.tenancy"
    label = "tenancy"
