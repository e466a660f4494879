from django.db import migrations

from zhenwen.tenancy.row_security import create_roles


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [create_roles()]
