from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("detection", "0004_creation_times"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="detection",
            options={
                "base_manager_name": "all_tenants",
                "verbose_name": "detection",
                "verbose_name_plural": "detections",
            },
        ),
    ]
