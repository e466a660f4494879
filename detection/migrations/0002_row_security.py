from django.db import migrations

from detection.transitions_sql import guard_transitions
from zhenwen.tenancy.row_security import bind_to_parent, protect_table


class Migration(migrations.Migration):
    dependencies = [("detection", "0001_initial"), ("tenancy", "0001_roles")]
    operations = [
        protect_table("detection_batch"),
        protect_table("detection_document"),
        protect_table("detection_documentcontent"),
        protect_table("detection_detection"),
        protect_table("detection_report"),
        protect_table("detection_policy"),
        protect_table("detection_idempotentreply"),
        bind_to_parent("detection_document", "batch_id", "detection_batch"),
        bind_to_parent("detection_documentcontent", "document_id", "detection_document"),
        bind_to_parent("detection_detection", "document_id", "detection_document"),
        bind_to_parent("detection_report", "detection_id", "detection_detection"),
        guard_transitions(),
    ]
