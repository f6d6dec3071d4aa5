"""Every file that a row names, and whether it is in the store as it was received."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.apps import apps
from django.db import connections
from django.db.models import FileField

from samples.models import PatternFile
from samples.store import StoreAwayError, store
from samples.xrd.sentences import sentence
from screening.models import PackedFolder

HASH = re.compile(r"[0-9a-f]{64}")

ARRIVING_FOR = 3600.0
"""Seconds: a file that no row names yet may be one whose row is about to be written."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file as its row names it. name: in the store; sha256: "" where the row does not say; what: the row, in words."""

    name: str
    sha256: str
    what: str
    is_passing: bool
    """An archive, which goes once everything was taken out of it."""


def named_files(alias: str = "default") -> Iterator[KeptFile]:
    """Each file that a row of any table names, once; tables that an older database lacks name none."""
    seen: set[str] = set()
    here = _columns(alias)
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if not isinstance(field, FileField) or (model._meta.db_table, field.column) not in here:
                continue
            rows = PackedFolder.objects.on_disk() if model is PackedFolder else model._base_manager.all()
            for pk, name in rows.using(alias).exclude(**{field.name: ""}).values_list("pk", field.name).iterator():
                if name and name not in seen:
                    seen.add(name)
                    known = HASH.fullmatch(Path(name).name)
                    what = f"{model._meta.verbose_name} {pk}"
                    yield KeptFile(name, known.group() if known else "", what, model is PackedFolder)


def _columns(alias: str) -> set[tuple[str, str]]:
    """Table and column of every FileField that the database has."""
    asked = connections[alias]
    found = set()
    with asked.cursor() as cursor:
        tables = set(asked.introspection.table_names(cursor))
        for model in apps.get_models():
            table = model._meta.db_table
            if table in tables and any(isinstance(field, FileField) for field in model._meta.concrete_fields):
                described = asked.introspection.get_table_description(cursor, table)
                found |= {(table, column.name) for column in described}
    return found


@dataclass(frozen=True, slots=True)
class FilesReport:
    """What `check_files` found: sentences, and how many files were looked at."""

    n_files: int
    missing: list[str]
    altered: list[str]
    orphaned: list[str]
    n_elsewhere: int
    """Originals that never came: of patterns from other labs' data sets, sent without them."""

    @property
    def is_sound(self) -> bool:
        return not (self.missing or self.altered or self.orphaned)


class StoreTroubleError(Exception):
    """All files are out of reach, so that nothing can be said of any; ``.sentence`` says why."""

    def __init__(self, said: str) -> None:
        self.sentence = sentence("The kept files cannot be looked at. %(said)s", said=said)
        super().__init__(str(self.sentence))


def check_files() -> FilesReport:
    """Read every file that a row names, and look for files that none does.  Nothing is changed or deleted."""
    if trouble := store.trouble():
        raise StoreTroubleError(trouble.said)
    before = (time.time() - ARRIVING_FOR) * 1e9
    missing, altered, named = [], [], set()
    for kept in named_files():
        named.add(kept.name)
        try:
            sha256 = store.sha256_of(kept.name)
        except FileNotFoundError:
            if not (kept.is_passing and not PackedFolder.objects.on_disk().filter(content=kept.name).exists()):
                missing.append(f"missing: {kept.name}, of {kept.what}")
        except StoreAwayError as error:
            raise StoreTroubleError(f"It went away meanwhile: {error.strerror}") from error
        except OSError as error:
            altered.append(f"not readable: {kept.name}, of {kept.what}: {error.strerror}")
        else:
            if kept.sha256 and sha256 != kept.sha256:
                altered.append(f"altered: {kept.name}, of {kept.what}, is now {sha256}")
    orphaned = [
        f"no row names: {stored.name} ({stored.size} bytes)"
        for stored in store.all_files()
        if stored.name not in named and stored.changed < before
    ]
    return FilesReport(len(named), missing, altered, orphaned, PatternFile.objects.filter(content="").count())
