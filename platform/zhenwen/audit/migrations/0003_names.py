from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_row_security"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="auditevent",
            options={
                "base_manager_name": "all_tenants",
                "verbose_name": "audit event",
                "verbose_name_plural": "audit events",
            },
        ),
    ]
