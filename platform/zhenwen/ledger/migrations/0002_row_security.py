from django.db import migrations

from zhenwen.tenancy.row_security import bind_to_parent, make_append_only, protect_table


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial"), ("tenancy", "0001_roles")]
    operations = [
        protect_table("ledger_allowance"),
        protect_table("ledger_ledgerentry"),
        bind_to_parent("ledger_ledgerentry", "allowance_id", "ledger_allowance"),
        make_append_only("ledger_ledgerentry"),
    ]
