"""Tables that the database itself lets nobody change: triggers that refuse UPDATE, DELETE and TRUNCATE.

In a lab `manage.py flush` is refused too. Whoever may alter the schema can drop them, as with any trigger; then
`manage.py check_trail` says that they are missing, and the hash chain what was changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, UniqueConstraint

_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION icosa_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$
"""

_POSTGRESQL_FUNCTION_OF_A_TABLE = """
CREATE OR REPLACE FUNCTION "{table}_refuse_{event}"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {condition} THEN
        RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN {row};
END $$
"""


@dataclass(frozen=True, slots=True)
class Guard:
    """What the database refuses of the rows of a model, which names it as its `database_guard`.

    when: SQL that is true of a row that must not be changed or deleted any more; "" for every row
    refuses_new: SQL that is true of a row that must not be added; "" for none
    In both {row} stands for the row.
    """

    when: str = ""
    refuses_new: str = ""


def guarded_models() -> list[type[Model]]:
    return [model for model in apps.get_models() if hasattr(model, "database_guard")]


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


def unguard(connection: BaseDatabaseWrapper, models: Iterable[type[Model]]) -> None:
    """Take the triggers off; migrate does before it changes tables on SQLite, whose triggers may name no missing table."""
    with connection.cursor() as cursor:
        for model in models:
            if model._meta.db_table in connection.introspection.table_names(cursor):
                for statement in taking_off(connection, model):
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


def _events(connection: BaseDatabaseWrapper, model: type[Model]) -> tuple[str, ...]:
    if connection.vendor != "postgresql":
        return ("update", "delete", "insert")
    return ("update", "delete", "truncate", *(["insert"] if _guard_of(model).refuses_new else []))


def _trigger_names(connection: BaseDatabaseWrapper, model: type[Model]) -> Iterator[str]:
    return (f"{model._meta.db_table}_refuse_{event}" for event in _events(connection, model))


def taking_off(connection: BaseDatabaseWrapper, model: type[Model]) -> Iterator[str]:
    table = model._meta.db_table
    for name in _trigger_names(connection, model):
        yield f'DROP TRIGGER IF EXISTS "{name}"' + (f' ON "{table}"' if connection.vendor == "postgresql" else "")


def _putting_on(connection: BaseDatabaseWrapper, model: type[Model]) -> Iterator[str]:
    on_postgresql = connection.vendor == "postgresql"
    if on_postgresql:
        yield _POSTGRESQL_FUNCTION
    for event in _events(connection, model):
        yield from (_on_postgresql if on_postgresql else _on_sqlite)(model, event)


def _on_postgresql(model: type[Model], event: str) -> Iterator[str]:
    table = model._meta.db_table
    condition, function = _refused(model, event), "icosa_refuse_change"
    if condition and event != "truncate":  # a WHEN of a trigger asks no other table
        function = f"{table}_refuse_{event}"
        yield _POSTGRESQL_FUNCTION_OF_A_TABLE.format(
            table=table, event=event, condition=condition, row="OLD" if event == "delete" else "NEW"
        )
    yield (
        f'CREATE TRIGGER "{table}_refuse_{event}" BEFORE {event.upper()} ON "{table}" '
        f'FOR EACH {"STATEMENT" if event == "truncate" else "ROW"} EXECUTE FUNCTION "{function}"()'
    )


def _on_sqlite(model: type[Model], event: str) -> Iterator[str]:
    table = model._meta.db_table
    conditions = [_refused(model, event), _replaces(model) if event == "insert" else ""]
    condition = " OR ".join(filter(None, conditions))
    yield (
        f'CREATE TRIGGER "{table}_refuse_{event}" BEFORE {event.upper()} ON "{table}" '
        + (f"WHEN {condition} " if condition else "")
        + f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: {event.upper()} is refused'); END"
    )


def _guard_of(model: type[Model]) -> Guard:
    guard: Guard = model.database_guard  # type: ignore[attr-defined]  # guarded_models() looks for it
    return guard


def _refused(model: type[Model], event: str) -> str:
    if event == "insert":
        return _guard_of(model).refuses_new.format(row="NEW")
    return _guard_of(model).when.format(row="OLD")


def _replaces(model: type[Model]) -> str:
    """True of a new row that stands for one that is there: SQLite's REPLACE deletes that one and fires no DELETE trigger."""
    alone = [[field.column] for field in model._meta.concrete_fields if field.unique]
    together = [
        [model._meta.get_field(name).column for name in constraint.fields]  # type: ignore[union-attr]
        for constraint in model._meta.constraints
        if isinstance(constraint, UniqueConstraint) and constraint.condition is None
    ]
    same = [" AND ".join(f'"{column}" = NEW."{column}"' for column in columns) for columns in (*alone, *together)]
    return " OR ".join(f'EXISTS (SELECT 1 FROM "{model._meta.db_table}" WHERE {one})' for one in same)  # noqa: S608 - names of models, nothing typed
