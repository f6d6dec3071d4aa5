import json

from django.db import migrations

ACTIONS = {1: "Begun", 3: "Removed"}
"""What a log entry without a message says by its flag."""


def take_over(apps, schema_editor):
    """What was done to projects stood in the log of the admin; from now on it stands in the history."""
    LogEntry, Change = apps.get_model("admin", "LogEntry"), apps.get_model("samples", "Change")
    entries = LogEntry.objects.filter(content_type__app_label="samples", content_type__model="project")
    for entry in entries.order_by("pk").iterator():
        if not (entry.object_id or "").isdecimal():
            continue  # of no project: it stays in the log
        row = {"row": "samples.project", "id": int(entry.object_id), "what": "changed"}
        Change.objects.create(
            thing="samples.project",
            thing_id=int(entry.object_id),
            rows=[{**row, "fields": {"noted": [None, words_of(entry)]}}],
            by_id=entry.user_id,
            at=entry.action_time,
        )


def words_of(entry):
    """The message as a person wrote it, or of what the pages of the admin noted, [{"changed": {"fields": ["Name"]}}], the words."""
    message = entry.change_message.strip()
    try:
        acts = [act for noted in json.loads(message) for act in noted.items()]
        words = [" ".join([action.capitalize(), ", ".join(said.get("fields", []))]).strip() for action, said in acts]
    except (ValueError, TypeError, AttributeError):
        words = [message]
    return "; ".join(words) or ACTIONS.get(entry.action_flag, "Changed")


class Migration(migrations.Migration):
    dependencies = [("samples", "0011_found_by_code"), ("admin", "0003_logentry_add_action_flag_choices")]

    operations = [migrations.RunPython(take_over, migrations.RunPython.noop)]
