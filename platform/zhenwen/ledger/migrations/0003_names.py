from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0002_row_security"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="allowance",
            options={
                "base_manager_name": "all_tenants",
                "verbose_name": "allowance",
                "verbose_name_plural": "allowances",
            },
        ),
        migrations.AlterModelOptions(
            name="ledgerentry",
            options={
                "base_manager_name": "all_tenants",
                "verbose_name": "ledger entry",
                "verbose_name_plural": "ledger entries",
            },
        ),
    ]
