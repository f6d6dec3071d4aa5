"""Tables that the database itself lets nobody change: triggers that refuse UPDATE, DELETE and TRUNCATE.

They are unconditional: in a lab `manage.py flush` is refused too. Whoever may alter the schema can drop them, as with any
trigger; then `manage.py check_trail` says that they are missing, and the hash chain what was changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from samples.models.signed import SignedEntry

_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION icosa_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$
"""


def signed_models() -> list[type[SignedEntry]]:
    return [model for model in apps.get_models() if issubclass(model, SignedEntry)]


def guard(connection: BaseDatabaseWrapper, models: Iterable[type[Model]]) -> None:
    """Put the triggers onto the tables of ``models`` that lack them: a step of migrate, as often as it likes.

    A step of each migrate, because SQLite builds a table anew for most changes and drops its triggers silently.
    """
    unguarded = [model for model in models if not is_guarded(connection, model)]
    with connection.cursor() as cursor:
        here = set(connection.introspection.table_names(cursor)) if unguarded else set()
        for model in unguarded:
            if model._meta.db_table in here:
                for statement in (*taking_off(connection, model), *_putting_on(connection, model)):
                    cursor.execute(statement)


def is_guarded(connection: BaseDatabaseWrapper, model: type[Model]) -> bool:
    names = set(_trigger_names(connection, model))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D' AND tgname = ANY(%s)", [list(names)])
        else:
            cursor.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [model._meta.db_table]
            )
        return names <= {name for (name,) in cursor.fetchall()}


def _events(connection: BaseDatabaseWrapper) -> tuple[str, ...]:
    return ("update", "delete", "truncate" if connection.vendor == "postgresql" else "insert")


def _trigger_names(connection: BaseDatabaseWrapper, model: type[Model]) -> Iterator[str]:
    return (f"{model._meta.db_table}_refuse_{event}" for event in _events(connection))


def taking_off(connection: BaseDatabaseWrapper, model: type[Model]) -> Iterator[str]:
    table = model._meta.db_table
    for name in _trigger_names(connection, model):
        yield f'DROP TRIGGER IF EXISTS "{name}"' + (f' ON "{table}"' if connection.vendor == "postgresql" else "")


def _putting_on(connection: BaseDatabaseWrapper, model: type[Model]) -> Iterator[str]:
    table = model._meta.db_table
    named_events = zip(_trigger_names(connection, model), _events(connection), strict=True)
    if connection.vendor == "postgresql":
        yield _POSTGRESQL_FUNCTION
        for name, event in named_events:
            each = "STATEMENT" if event == "truncate" else "ROW"
            yield (
                f'CREATE TRIGGER "{name}" BEFORE {event.upper()} ON "{table}" '
                f"FOR EACH {each} EXECUTE FUNCTION icosa_refuse_change()"
            )
    else:
        for name, event in named_events:
            condition = f"WHEN {_replaces(model)} " if event == "insert" else ""
            yield (
                f'CREATE TRIGGER "{name}" BEFORE {event.upper()} ON "{table}" {condition}'
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: {event.upper()} is refused'); END"
            )


def _replaces(model: type[Model]) -> str:
    """True of a new row that stands for one that is there: SQLite's REPLACE deletes that one and fires no DELETE trigger."""
    unique = [field.column for field in model._meta.concrete_fields if field.unique]
    same = " OR ".join(f'"{column}" = NEW."{column}"' for column in unique)
    return f'EXISTS (SELECT 1 FROM "{model._meta.db_table}" WHERE {same})'  # noqa: S608 - names of models, nothing typed
