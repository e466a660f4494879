from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LedgerConfig(AppConfig):
    name = "zhenwen.ledger"
    label = "ledger"
    verbose_name = _("Allowances and ledger")
