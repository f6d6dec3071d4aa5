"""What was wrong with a row of a spreadsheet is kept as template and values, so that each reader has it in their own language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.functions import JSONObject

AT_ONCE = 1000


def batched(rows: Any, n: int) -> Iterator[list[Any]]:
    """By number, and not by a cursor, which would see what is written meanwhile."""
    last = 0
    while some := list(rows.filter(pk__gt=last).order_by("pk")[:n]):
        yield some
        last = some[-1].pk


def keep_as_sentences(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """What was said before stays in the words in which it was said."""
    for model, text in (("SheetRow", "note"), ("SheetChange", "left")):
        rows = apps.get_model("samples", model)._default_manager.using(editor.connection.alias)
        rows.exclude(**{f"{text}_said": ""}).update(**{text: JSONObject(template=f"{text}_said")})
    rows = apps.get_model("samples", "SheetRow")._default_manager.using(editor.connection.alias)
    for some in batched(rows.exclude(problems={}).only("problems"), AT_ONCE):
        for row in some:
            row.problems = {column: [{"template": said}] for column, said in row.problems.items()}
        rows.bulk_update(some, ["problems"])


class Migration(migrations.Migration):
    dependencies = [("samples", "0012_history_of_projects")]

    operations = [
        migrations.RenameField("sheetrow", "note", "note_said"),
        migrations.RenameField("sheetchange", "left", "left_said"),
        migrations.AddField("sheetrow", "note", models.JSONField(null=True, verbose_name="note")),
        migrations.AddField("sheetchange", "left", models.JSONField(null=True, verbose_name="why it was left as it is")),
        migrations.RunPython(keep_as_sentences, migrations.RunPython.noop),
        migrations.RemoveField("sheetrow", "note_said"),
        migrations.RemoveField("sheetchange", "left_said"),
    ]
