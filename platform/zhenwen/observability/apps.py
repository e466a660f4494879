from django.apps import AppConfig


class ObservabilityConfig(AppConfig):
    name = "zhenwen.observability"
    label = "observability"
