"""Labs that come from earlier releases: what their rows become."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client

from samples.append_only import guard, guarded_models, unguard
from samples.models import Change, SheetChange, SheetRow
from samples.sentences import translated

BEFORE = ("samples", "0011_found_by_code")
BEFORE_REASONS = ("samples", "0012_history_of_projects")
LONG_AGO = datetime(2025, 3, 1, 12, tzinfo=UTC)

Node = tuple[str, str]


def lab_of(release: Node) -> tuple[Any, list[Node]]:
    """The database as it was at this migration: its models, and the migrations that lead back to today."""
    executor = MigrationExecutor(connection)
    newest = executor.loader.graph.leaf_nodes()
    unguard(connection, guarded_models())
    executor.migrate([release])
    of_django = [node for node in newest if node[0] in {"admin", "auth", "contenttypes"}]
    return executor.loader.project_state([release, *of_django]).apps, newest


@pytest.mark.django_db(transaction=True)
def test_the_log_of_projects_becomes_history_whatever_stands_in_it(client: Client) -> None:
    old, newest = lab_of(BEFORE)
    person, leaver = (old.get_model("auth", "User").objects.create(username=name) for name in ("mori", "leaver"))
    kinds = old.get_model("contenttypes", "ContentType").objects
    of_projects, _made = kinds.get_or_create(app_label="samples", model="project")
    of_nothing = kinds.create(app_label="gone", model="thing")
    project = old.get_model("samples", "Project").objects.create(key="asr", name="Al-Si-Ru", made_by=person)

    def note(
        message: str, *, kind: Any = of_projects, of: str | None = str(project.pk), flag: int = 2, by: Any = person
    ) -> None:
        log = old.get_model("admin", "LogEntry").objects
        log.create(user=by, content_type=kind, object_id=of, object_repr="x", action_flag=flag, change_message=message, action_time=LONG_AGO)  # fmt: skip

    note("森さんを加えた：試料は非公開")
    note("", flag=1)
    note("")
    note('[{"changed": {"fields": ["Name", "Notes"]}}]')
    note('[{"added": {}}]', flag=1)
    note('{"not what the admin writes": 0}')
    note("[1, 2]")
    note("of a project that is gone", of="424242")
    note("of no project", of=None)
    note("of no project either", of="asr")
    note("of something else", kind=of_nothing)
    note("of nothing", kind=None)
    note("leaves with its person", by=leaver)
    leaver.delete()

    executor = MigrationExecutor(connection)
    executor.migrate(newest)
    guard(connection, guarded_models())
    taken_over = Change.objects.filter(thing="samples.project", thing_id=project.pk).order_by("pk")
    assert [change.rows[0]["fields"]["noted"] for change in taken_over] == [
        [None, "森さんを加えた：試料は非公開"],
        [None, "Begun"],
        [None, "Changed"],
        [None, "Changed Name, Notes"],
        [None, "Added"],
        [None, '{"not what the admin writes": 0}'],
        [None, "[1, 2]"],
    ]
    assert {(change.by, change.at) for change in taken_over} == {(User.objects.get(username="mori"), LONG_AGO)}
    assert Change.objects.filter(thing="samples.project").exclude(thing_id=project.pk).count() == 1
    client.force_login(User.objects.create_superuser("admin"))
    assert "森さんを加えた：試料は非公開" in client.get(f"/history/project/{project.pk}/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_what_was_said_of_rows_of_spreadsheets_stays_as_it_was_said() -> None:
    old, newest = lab_of(BEFORE_REASONS)
    person = old.get_model("auth", "User").objects.create(username="mori")
    sheet = old.get_model("samples", "SheetImport").objects.create(name="a.xlsx", received_by=person, size=1)
    rows = old.get_model("samples", "SheetRow").objects
    rows.create(
        sheet_import=sheet, table="samples", line=2, state="wrong", cells={}, problems={"code": "100 % 空です。"}
    )
    rows.create(sheet_import=sheet, table="samples", line=3, state="new", cells={}, note="logged as A-1")
    system = old.get_model("samples", "AlloySystem").objects.create(key="Al", name="Al")
    sample = old.get_model("samples", "Sample").objects.create(
        code="A-1", system=system, made_by=person, changed_by=person
    )
    changes = old.get_model("samples", "SheetChange").objects
    changes.create(sheet_import=sheet, sample=sample, made=True, edition=1, left="Its piece A-2 stays.")

    MigrationExecutor(connection).migrate(newest)
    guard(connection, guarded_models())
    wrong, logged = SheetRow.objects.filter(sheet_import=sheet.pk).order_by("line")
    assert (wrong.why("code"), wrong.note, logged.why("code")) == ("100 % 空です。", None, "")
    assert translated(logged.note) == "logged as A-1"
    assert translated(SheetChange.objects.get().left) == "Its piece A-2 stays."
