"""Signed entries: added only, chained, and found out where somebody changed one behind the lab's back."""

from __future__ import annotations

import io
from threading import Barrier, Thread

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import DatabaseError

from mlmodels.models import ModelVersion, Promotion
from samples.append_only import guard, guarded_models, is_guarded, taking_off, unguard
from samples.models import ChainHead, SignedEntry
from samples.models.unchanging import UnchangingError
from tests.factories import UserFactory

TABLE = Promotion._meta.db_table


def sign(reason: str = "better on the lab's own patterns") -> Promotion:
    version = ModelVersion.objects.earliest("pk")
    return Promotion.objects.create(version=version, signer=UserFactory.create(), meaning="for tests", reason=reason)


def check_trail() -> tuple[int, str]:
    """Exit code and output of the command."""
    output = io.StringIO()
    try:
        call_command("check_trail", stdout=output)
    except SystemExit as end:
        return int(str(end.code)), output.getvalue()
    return 0, output.getvalue()


def behind_the_labs_back(sql: str, *values: str | int) -> None:
    """As somebody who may alter the schema could do it: triggers off, change, triggers on."""
    with connection.cursor() as cursor:
        for statement in taking_off(connection, Promotion):
            cursor.execute(statement)
        cursor.execute(sql, values)
    guard(connection, [Promotion])


@pytest.mark.django_db
class TestChain:
    def test_each_entry_has_its_number_and_names_the_one_before(self) -> None:
        first, second = sign(), sign()
        assert second.number == first.number + 1
        assert second.previous_sha256 == first.sha256 == Promotion.objects.get(pk=first.pk).computed_sha256()
        assert ChainHead.objects.get(table=TABLE).sha256 == second.sha256

    def test_the_hash_covers_every_column(self) -> None:
        entry = Promotion.objects.get(pk=sign().pk)
        for field in Promotion._meta.concrete_fields:
            if field.primary_key or field.name == "sha256":
                continue
            before = getattr(entry, field.attname)
            longer = models.DateTimeField().to_python("2026-01-01T00:00:00Z") if "at" in field.name else f"{before}1"
            setattr(entry, field.attname, int(f"{before or 0}1") if "Big" in type(field).__name__ else longer)
            if isinstance(field, models.ForeignKey):
                setattr(entry, field.attname, (before or 0) + 1)
            assert entry.computed_sha256() != entry.sha256, field.name
            setattr(entry, field.attname, before)
        assert entry.computed_sha256() == entry.sha256

    def test_a_failed_signature_leaves_no_gap(self) -> None:
        last = sign()
        with pytest.raises(IntegrityError), transaction.atomic():
            Promotion.objects.create(signer=UserFactory.create(), meaning="", reason="")
        assert sign().number == last.number + 1

    def test_check_trail_says_that_it_is_sound_and_where_it_ends(self) -> None:
        last = sign()
        code, said = check_trail()
        assert code == 0
        assert f"{last.number} signed, the last one {last.sha256}" in said

    @pytest.mark.parametrize(
        ("change", "verdict"),
        [
            (
                "UPDATE {table} SET reason = 'other' WHERE id = {second}",
                "entry {n} (row {second}) is not as it was signed",
            ),
            ("DELETE FROM {table} WHERE id = {second}", "entry {n} is missing"),
            ("DELETE FROM {table} WHERE id = {third}", "it ends with entry {n}"),
            (
                "UPDATE {table} SET previous_sha256 = 'f00d' WHERE id = {second}",
                "entry {n} (row {second}) does not follow the entry before it",
            ),
        ],
    )
    def test_check_trail_names_the_first_broken_entry(self, change: str, verdict: str) -> None:
        _first, second, third = sign(), sign(), sign()
        names = {"table": TABLE, "second": second.pk, "third": third.pk, "n": second.number}
        behind_the_labs_back(change.format(**names))
        code, said = check_trail()
        assert code == 1
        assert verdict.format(**names) in said

    def test_check_trail_finds_an_end_that_was_signed_anew(self) -> None:
        last = sign()
        last.reason = "other"
        behind_the_labs_back(
            f"UPDATE {TABLE} SET reason = %s, sha256 = %s WHERE id = %s", "other", last.computed_sha256(), last.pk
        )
        code, said = check_trail()
        assert code == 1
        assert "is not the one that the chain ended with" in said

    def test_check_trail_finds_missing_triggers(self) -> None:
        with connection.cursor() as cursor:
            for statement in taking_off(connection, Promotion):
                cursor.execute(statement)
        code, said = check_trail()
        assert code == 1
        assert "its triggers are missing" in said


@pytest.mark.django_db
class TestAppendOnly:
    def test_every_kind_of_signed_entry_is_guarded(self) -> None:
        assert Promotion in guarded_models()
        assert [model for model in guarded_models() if not is_guarded(connection, model)] == []

    def test_rows_refuse_to_change_before_the_database_is_asked(self) -> None:
        entry = sign()
        with pytest.raises(UnchangingError):
            entry.save()
        with pytest.raises(UnchangingError):
            entry.delete()

    def test_the_database_refuses_changes_by_query_set_and_by_sql(self) -> None:
        entry = sign()
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            Promotion.objects.filter(pk=entry.pk).update(reason="other")
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {TABLE} WHERE id = %s", [entry.pk])
        with pytest.raises(IntegrityError), transaction.atomic():
            Promotion.objects.bulk_create([Promotion(version=entry.version, meaning="", reason="without a number")])
        assert Promotion.objects.get(pk=entry.pk).reason == entry.reason

    def test_the_database_refuses_to_replace_or_to_empty(self) -> None:
        entry = sign()
        connection.check_constraints()  # PostgreSQL empties no table with foreign keys still to be checked
        statement = (
            f"TRUNCATE {TABLE}"
            if connection.vendor == "postgresql"
            else f"REPLACE INTO {TABLE} SELECT * FROM {TABLE} WHERE id = {entry.pk}"
        )
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        assert Promotion.objects.filter(pk=entry.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_many_who_sign_at_once_make_one_chain() -> None:
    if connection.vendor == "sqlite":
        pytest.skip(
            "the tests' SQLite lies in memory, where a writer fails instead of waiting as it does on a lab's file"
        )
    people = [UserFactory.create() for _ in range(4)]
    version = ModelVersion.objects.earliest("pk")
    start = Barrier(len(people))
    failures: list[Exception] = []

    def sign_five(person: User) -> None:
        start.wait()
        try:
            for n in range(5):
                Promotion.objects.create(version=version, signer=person, meaning="for tests", reason=str(n))
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [Thread(target=sign_five, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    numbers = list(Promotion.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 20
    assert check_trail()[0] == 0


@pytest.mark.django_db(transaction=True)
def test_promotions_from_before_get_their_hashes() -> None:
    executor = MigrationExecutor(connection)
    newest = executor.loader.graph.leaf_nodes()
    unguard(connection, guarded_models())
    executor.migrate([("mlmodels", "0001_initial")])
    old = executor.loader.project_state([("mlmodels", "0001_initial")]).apps
    version = old.get_model("mlmodels", "ModelVersion").objects.earliest("pk")
    old.get_model("mlmodels", "Promotion").objects.create(version=version, reason="made before entries were signed")
    executor = MigrationExecutor(connection)
    executor.migrate(newest)
    guard(connection, guarded_models())
    assert Promotion.objects.filter(reason="made before entries were signed").count() == 1
    assert check_trail()[0] == 0
    assert sign().number == Promotion.objects.count()


def test_a_column_that_comes_later_leaves_old_hashes_alone() -> None:
    from samples.models.signed import entry_sha256

    assert entry_sha256("t", {"a": 1}) == entry_sha256("t", {"a": 1, "later": None})
    assert entry_sha256("t", {"a": 1}) != entry_sha256("u", {"a": 1})
    assert issubclass(Promotion, SignedEntry)
