from django.db import migrations

from zhenwen.tenancy.row_security import make_append_only, protect_table


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial"), ("tenancy", "0001_roles")]
    operations = [
        protect_table("audit_auditevent"),
        make_append_only("audit_auditevent"),
    ]
