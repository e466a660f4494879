import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    """Rows that are written in bulk a moment later say when they were asked for; no column changes."""

    dependencies = [("detection", "0003_fair_share_and_activation")]
    operations = [
        migrations.AlterField(
            model_name=model,
            name="created_at",
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False),
        )
        for model in ("detection", "document")
    ]
