"""A frozen data set stays as it is, whoever asks the database to change it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone
from pytest_django import Settings

from mlmodels.models import Dataset, DatasetChoice, DatasetEntry
from samples.append_only import guarded_models, is_guarded
from samples.models import Reading
from samples.models.unchanging import UnchangingError
from tests.factories import UserFactory, make_reading

pytestmark = pytest.mark.django_db


@pytest.fixture
def curator(settings: Settings, tmp_path: Path) -> User:
    settings.MEDIA_ROOT = tmp_path
    return UserFactory.create(roles=["curator"])


@pytest.fixture
def draft(curator: User) -> Dataset:
    return Dataset.objects.create(name="All outcomes", made_by=curator, changed_by=curator)


def entry_of(dataset: Dataset, reading: Reading, position: int = 1, **other: Any) -> DatasetEntry:
    fields = {"label": "none", "origin": "outcome", "origin_words": "for tests", "split": "train", "lineage": 1} | other
    return DatasetEntry(
        dataset=dataset, reading=reading, position=position, file_sha256="0" * 64, arrays_sha256="1" * 64, **fields
    )


@pytest.fixture
def frozen(draft: Dataset, curator: User) -> Dataset:
    reading = make_reading()
    DatasetEntry.objects.bulk_create([entry_of(draft, reading)])
    DatasetChoice.objects.create(dataset=draft, pattern=reading.pattern, side="out", reason="dust", chosen_by=curator)
    draft.state, draft.sha256, draft.n_entries = Dataset.State.FROZEN, "2" * 64, 1
    draft.frozen_by, draft.frozen_at = curator, timezone.now()
    draft.save()
    return draft


def test_every_guarded_table_has_its_triggers() -> None:
    assert {Dataset, DatasetEntry, DatasetChoice} <= set(guarded_models())
    assert [model for model in guarded_models() if not is_guarded(connection, model)] == []


def test_a_draft_changes_freely(draft: Dataset, curator: User) -> None:
    draft.notes = "more of it"
    draft.save()
    reading = make_reading()
    choice = DatasetChoice.objects.create(
        dataset=draft, pattern=reading.pattern, side="out", reason="dust", chosen_by=curator
    )
    choice.delete()
    assert not draft.choices.exists()


def test_rows_of_a_frozen_set_refuse_to_change(frozen: Dataset) -> None:
    with pytest.raises(UnchangingError):
        frozen.save()
    with pytest.raises(UnchangingError):
        frozen.delete()
    with pytest.raises(UnchangingError):
        frozen.entries.get().save()


def test_the_database_refuses_to_change_a_frozen_set(frozen: Dataset, curator: User) -> None:
    def refused() -> Any:
        return pytest.raises(IntegrityError, match="append-only")

    with refused(), transaction.atomic():
        Dataset.objects.filter(pk=frozen.pk).update(notes="other")
    with refused(), transaction.atomic():
        frozen.entries.update(label="icosahedral")
    with refused(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM mlmodels_datasetentry")
    with refused(), transaction.atomic():
        DatasetEntry.objects.bulk_create([entry_of(frozen, make_reading(), 2)])
    with refused(), transaction.atomic():
        frozen.choices.all().delete()
    with refused(), transaction.atomic():
        DatasetChoice.objects.create(
            dataset=frozen, pattern=make_reading().pattern, side="out", reason="dust", chosen_by=curator
        )
    frozen.refresh_from_db()
    assert (frozen.notes, frozen.entries.get().label, frozen.choices.get().reason) == ("", "none", "dust")


def test_the_database_refuses_to_replace_or_to_empty_a_frozen_set(frozen: Dataset) -> None:
    connection.check_constraints()  # PostgreSQL empties no table with foreign keys still to be checked
    for table in ("mlmodels_dataset", "mlmodels_datasetentry"):
        statement = (
            f"TRUNCATE {table} CASCADE"
            if connection.vendor == "postgresql"
            else f"REPLACE INTO {table} SELECT * FROM {table}"
        )
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert frozen.entries.count() == 1


def test_one_draft_a_name(draft: Dataset, curator: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Dataset.objects.create(name=draft.name, version=2, made_by=curator, changed_by=curator)
