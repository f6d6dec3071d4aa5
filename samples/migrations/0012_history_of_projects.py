from django.db import migrations


def take_over(apps, schema_editor):
    """What was done to projects stood in the log of the admin; from now on it stands in the history."""
    LogEntry, Change = apps.get_model("admin", "LogEntry"), apps.get_model("samples", "Change")
    entries = LogEntry.objects.filter(content_type__app_label="samples", content_type__model="project")
    for entry in entries.order_by("pk").iterator():
        row = {"row": "samples.project", "id": int(entry.object_id), "what": "changed"}
        Change.objects.create(
            thing="samples.project",
            thing_id=int(entry.object_id),
            rows=[{**row, "fields": {"noted": [None, entry.change_message]}}],
            by_id=entry.user_id,
            at=entry.action_time,
        )


class Migration(migrations.Migration):
    dependencies = [("samples", "0011_found_by_code"), ("admin", "0003_logentry_add_action_flag_choices")]

    operations = [migrations.RunPython(take_over, migrations.RunPython.noop)]
