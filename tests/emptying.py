"""Tests with threads and browsers end with a flush, which the triggers of signed entries refuse, in a lab too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from samples.append_only import guarded_models, taking_off


@pytest.fixture(scope="session", autouse=True)
def databases_can_be_emptied() -> Iterator[None]:
    """Take the triggers off before each flush of a test; the step of migrate that a flush ends with puts them on again."""
    operations = type(connection.ops)
    sql_flush = operations.sql_flush

    def sql_flush_with_triggers_off(self, style, tables, **options):  # type: ignore[no-untyped-def]
        off = [statement for model in guarded_models() for statement in taking_off(self.connection, model)]
        return [*off, *sql_flush(self, style, tables, **options)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "sql_flush", sql_flush_with_triggers_off)
        yield
