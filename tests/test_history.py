"""History: every verb that changes a record leaves who, when, why, before and after; and what was noted is never changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, models, transaction
from django.db.utils import DatabaseError
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from lims.models import AccessLink, ApiKey, Person
from mlmodels.models import ModelVersion
from samples.append_only import guarded_models, is_guarded
from samples.models import AlloySystem, Change, Pattern, Sample, SynthesisStep, WeighedMass
from samples.models.acts import EMPTY, changes_by, traced_fields, values_of
from samples.models.changes import label_of
from samples.models.traced import TracedModel, TracedQuerySet
from samples.models.unchanging import UnchangingError
from screening.models import (
    EvidenceFile,
    FollowUp,
    LatticeMeasurement,
    MatchingRule,
    ObservedPhase,
    ReferencePhase,
    ScreeningRun,
)
from tests.factories import SampleFactory, UserFactory, make_pattern, pattern_text
from tests.samples.sheet_files import received, workbook
from tests.screening.calls import a_version
from tests.screening.test_follow_ups import fill, lattice, phase

pytestmark = pytest.mark.django_db

TRACED = {
    *(Sample, SynthesisStep, WeighedMass, AlloySystem, Pattern, ModelVersion, MatchingRule, ReferencePhase),
    *(FollowUp, ObservedPhase, LatticeMeasurement, EvidenceFile, ApiKey, AccessLink, Person),
}


def traced_models() -> list[type[TracedModel]]:
    return [model for model in apps.get_models() if issubclass(model, TracedModel)]


@pytest.fixture
def anna() -> User:
    return UserFactory.create(username="anna", roles=["admin"])


def newest(thing: models.Model) -> Change:
    return Change.objects.of(type(thing), [thing.pk]).latest("pk")


def changed(thing: models.Model) -> dict[str, list[Any]]:
    """Field → before and after, of what became of the thing itself last."""
    row = newest(thing).own_row
    assert row
    fields: dict[str, list[Any]] = row["fields"]
    return fields


def replayed() -> dict[tuple[str, int], dict[str, Any] | None]:
    """What the history says of each row: its fields now, None where it was removed."""
    rows: dict[tuple[str, int], dict[str, Any] | None] = defaultdict(dict)
    for change in Change.objects.order_by("pk"):
        for row in change.rows:
            key = row["row"], row["id"]
            now = rows[key] or {}
            for name, (before, after) in row["fields"].items():
                assert now.get(name, before) == before or row["what"] == "made", f"{key} {name}: {before} was not so"
                now[name] = after
            rows[key] = None if row["what"] == "removed" else now
    return rows


def check_that_history_tells_all() -> None:
    """The history replayed gives each record as it stands, whatever way it was written."""
    told = replayed()
    for model in traced_models():
        for row in model._default_manager.all():
            fields = told.pop((label_of(model), row.pk), None)
            if fields is None and model is Person:
                continue  # made by tests, and never changed
            assert fields is not None, f"{model.__name__} {row.pk} is not in the history"
            for name, value in values_of(row, traced_fields(model)).items():
                if model is not Person or name in fields:
                    said = fields.get(name)
                    assert (said in EMPTY and value in EMPTY) or said == value, f"{model.__name__} {row.pk}: {name}"
    left = [key for key, fields in told.items() if fields is not None]
    assert not left, f"removed without a word: {left}"


class TestWhatIsTraced:
    def test_every_record_of_the_lab_is(self) -> None:
        assert set(traced_models()) >= TRACED

    def test_bulk_writing_is_noted_for_all_of_them(self) -> None:
        for model in traced_models():
            assert isinstance(model._default_manager.all(), TracedQuerySet), model


class TestEveryVerb:
    """Each way in which the lab's own code writes; afterwards the history tells all."""

    def test_of_a_sample(self, anna: User) -> None:
        sample = SampleFactory.create(
            code="ASR-001", steps=[SynthesisStep(kind="arc_melting")], masses=[WeighedMass(substance="Al", mass="1")]
        )
        assert newest(sample).own_row["what"] == "made"  # type: ignore[index]
        sample.composition_text, sample.notes, sample.parent = "Al44Si31Ru25", "grey", SampleFactory.create()
        steps = [SynthesisStep(kind="annealing", temperature=900, duration=48), SynthesisStep(kind="crushing")]
        sample.revise(by=anna, edition=1, steps=steps, masses=[], why="  typed wrong ")
        change = newest(sample)
        assert (change.by, change.why, change.sample) == (anna, "typed wrong", sample)
        assert change.own_row["fields"] == {  # type: ignore[index]
            "composition_text": ["Al43Si32Ru25", "Al44Si31Ru25"],
            "notes": ["", "grey"],
            "parent": [None, sample.parent.pk],
        }
        said = {(row["row"], row.get("name"), row["what"]) for row in change.rows}
        assert said == {
            ("samples.sample", None, "changed"),
            ("samples.synthesisstep", "1", "changed"),
            ("samples.synthesisstep", "2", "made"),
            ("samples.weighedmass", "1", "removed"),
        }
        sample.archive(by=anna, why="lost")
        assert changed(sample)["archived_at"][0] is None
        sample.restore(by=anna)
        assert changed(sample)["archived_at"][1] is None
        check_that_history_tells_all()

    def test_nothing_changed_is_nothing_noted(self, anna: User) -> None:
        sample = SampleFactory.create(steps=[SynthesisStep(kind="annealing", temperature=900, duration=48)])
        n = Change.objects.count()
        same = SynthesisStep(kind="annealing", temperature=Decimal("900.0"), duration=Decimal("48.000"))
        sample.revise(by=anna, edition=1, steps=[same], masses=[])
        assert Change.objects.count() == n

    def test_of_a_system(self, anna: User) -> None:
        system = SampleFactory.create().system
        system.name, system.notes = "Ru-Al-Si", "worth a look"
        system.revise(by=anna, edition=1, why="as in the papers")
        assert changed(system) == {"name": ["Al-Si-Ru", "Ru-Al-Si"], "notes": ["", "worth a look"]}
        assert newest(system).why == "as in the papers"
        check_that_history_tells_all()

    def test_of_patterns_one_by_one_and_many_at_once(self, anna: User) -> None:
        first, second = SampleFactory.create(), SampleFactory.create()
        pattern, other = make_pattern(sample=first), make_pattern()
        pattern.move_to(second, anna, "labels were swapped")
        assert changed(pattern) == {"sample": [first.pk, second.pk]}
        assert newest(pattern).sample == first, "told on the page that it left"
        pattern.mark_as(Pattern.Kind.BLANK, anna)
        pattern.archive(anna)
        pattern.restore(anna)
        everything = Pattern.objects.filter(pk__in=[pattern.pk, other.pk])
        assert everything.move_to(first, anna, "sorted") == 2
        assert newest(other).why == newest(pattern).why == "sorted"
        assert everything.archive(anna) == everything.restore(anna) == 2
        check_that_history_tells_all()

    def test_of_an_upload_undone_and_redone(self, anna: User) -> None:
        a_version()
        run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, anna)
        run.receive(pattern_text(seed=1), name="ASR-001.xy")
        run.received.update(proposed_code="ASR-001")
        run.log_samples([Sample(code="ASR-001", composition_text="Al43Si32Ru25")], anna)
        sample, pattern = Sample.objects.get(), Pattern.objects.get()
        assert pattern.sample == sample
        run.undo(anna)
        assert changed(sample)["archived_at"][1]
        assert changed(pattern)["archived_at"][1]
        assert newest(sample).by == newest(pattern).by == anna
        run.redo(anna)
        assert changed(sample)["archived_at"][1] is None
        check_that_history_tells_all()

    def test_of_a_spreadsheet_imported_and_undone(self, anna: User) -> None:
        SampleFactory.create(code="OLD-1", notes="before", steps=[SynthesisStep(kind="crushing")])
        content = workbook(
            Samples=[
                ("Sample code", "Nominal composition", "Notes"),
                ("NEW-1", "Al43Si32Ru25", "new"),
                ("OLD-1", "Al40Si35Ru25", "after"),
                ("NEW-2", "Al65Cu20Fe15", "of a new system"),
            ],
            Synthesis=[("Sample code", "Kind of step"), ("NEW-1", "arc melting"), ("OLD-1", "arc melting")],
        )
        shown = received(content, anna)
        assert shown.commit(by=anna)
        old, new = Sample.objects.get(code="OLD-1"), Sample.objects.get(code="NEW-1")
        assert changed(old)["notes"] == ["before", "after"]
        assert newest(new).own_row["what"] == "made"  # type: ignore[index]
        assert len(newest(new).rows) == 2
        assert shown.name in newest(old).why
        check_that_history_tells_all()
        assert shown.undo(by=anna)
        assert changed(old)["notes"] == ["after", "before"]
        assert changed(new)["archived_at"][1]
        check_that_history_tells_all()

    def test_of_a_follow_up_and_its_evidence(self, anna: User, settings: Settings, tmp_path: Path) -> None:
        settings.MEDIA_ROOT = tmp_path
        follow_up = FollowUp.objects.open(SampleFactory.create(), anna, question="Icosahedral?")
        follow_up.plan(by=anna, edition=1, question="Decagonal?", due_on=date(2027, 1, 5), why="thought again")
        assert changed(follow_up)["due_on"] == [None, "2027-01-05"]
        assert newest(follow_up).sample == follow_up.sample
        fill(follow_up, anna, phase(), lattice())
        fill(follow_up, anna, phase("Al42Si33Ru25"))
        said = {row["row"]: row for row in newest(follow_up).rows}
        assert said["screening.observedphase"]["fields"] == {"composition_text": ["Al43Si32Ru25", "Al42Si33Ru25"]}
        assert said["screening.latticemeasurement"]["what"] == "removed"
        file = EvidenceFile.objects.add(follow_up, SimpleUploadedFile("spots.txt", b"1.0 2.0\n"), anna, caption="spots")
        file.archive(anna, "of another sample")
        EvidenceFile.objects.add(follow_up, SimpleUploadedFile("spots.txt", b"1.0 2.0\n"), anna, caption="really")
        assert newest(follow_up).rows[0]["fields"]["caption"] == ["spots", "really"]
        follow_up.call_off(anna, "used up")
        follow_up.take_up(anna)
        assert changed(follow_up)["closing_words"] == ["used up", ""]
        check_that_history_tells_all()

    def test_of_matching_rules_and_reference_phases(self, anna: User) -> None:
        def rule(template: str) -> MatchingRule:
            return MatchingRule(where="name", template=template)

        MatchingRule.objects.replace([rule("{code}_*"), rule("x{code}")], anna)
        MatchingRule.objects.replace([rule("y{code}")], anna, "a new instrument")
        change = Change.objects.of(MatchingRule, [0]).latest("pk")
        assert change.why == "a new instrument"
        assert [(row["name"], row["what"]) for row in change.rows] == [("2", "removed"), ("1", "changed")]
        halite = (Path(__file__).parent / "data" / "halite.cif").read_bytes()
        halite_phase = ReferencePhase.objects.bring(halite, anna)
        halite_phase.archive(anna)
        ReferencePhase.objects.bring(halite, anna)
        assert changed(halite_phase)["archived_at"][1] is None
        check_that_history_tells_all()

    def test_of_people_keys_and_links(self, anna: User) -> None:
        ben, secret = Person.objects.invite("ben", roles=["member"], by=anna)
        link = AccessLink.objects.of_secret(secret)
        assert link
        link.use("a password for tests", username="benjamin")
        ben.refresh_from_db()
        ben.give_roles(["member", "reviewer"], by=anna, why="trained")
        assert changed(ben) == {"roles": [["member"], ["member", "reviewer"]]}
        assert newest(ben).why == "trained"
        key, _secret = ApiKey.objects.issue(ben, name="SmartLab", scopes=["upload"], valid_for=timedelta(days=1))
        key.revoke()
        key.note_use()
        ApiKey.objects.issue(ben, name="SmartLab", scopes=["upload"], valid_for=timedelta(days=1))
        ben.deactivate(by=anna, why="left")
        said = newest(ben)
        assert {(row["row"], row["what"]) for row in said.rows} == {
            ("auth.user", "changed"),
            ("lims.apikey", "changed"),
        }
        ben.let_back_in(by=anna)
        check_that_history_tells_all()

    def test_of_a_model_version(self, anna: User) -> None:
        version = a_version()
        assert changed(version)["state"][1] == "production"
        check_that_history_tells_all()


class TestActs:
    def test_what_is_rolled_back_is_not_told(self, anna: User) -> None:
        SampleFactory.create(code="T-1")
        n = Change.objects.count()
        other = Sample(code="t-1", composition_text="Al", made_by=anna, changed_by=anna)
        with changes_by(anna), pytest.raises(IntegrityError), transaction.atomic():
            other.save()  # of a new alloy system, which goes with it
        assert Change.objects.count() == n

    def test_an_act_within_another_is_a_part_of_it(self, anna: User) -> None:
        sample = SampleFactory.create()
        with changes_by(anna, "moved house"):
            sample.archive(by=UserFactory.create())
            sample.restore(by=UserFactory.create())
            Sample.objects.filter(pk=sample.pk).update(place="Box 2")
        change = newest(sample)
        assert (change.by, change.why) == (anna, "moved house")
        assert change.own_row["fields"] == {"place": ["", "Box 2"]}  # type: ignore[index]

    def test_who_asks_for_the_page_is_named_where_no_verb_says_who(self, client: Client) -> None:
        admin = UserFactory.create(is_superuser=True, is_staff=True)
        system = SampleFactory.create().system
        client.force_login(admin)
        client.post(f"/admin/samples/alloysystem/{system.pk}/change/", {"name": system.name, "notes": "by the admin"})
        assert newest(system).by == admin

    def test_the_lab_itself_is_nobody(self) -> None:
        sample = SampleFactory.create()
        sample.place = "Box 3"
        sample.save()
        assert newest(sample).by is None

    def test_what_the_database_computes_is_read_back(self) -> None:
        sample = SampleFactory.create(place="Box 1")
        Sample.objects.filter(pk=sample.pk).update(notes=models.F("place"))
        assert changed(sample) == {"notes": ["", "Box 1"]}

    def test_a_sample_with_many_rows_is_written_with_few_more_queries(
        self, anna: User, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        steps = [SynthesisStep(kind="annealing", temperature=900, duration=n + 1) for n in range(20)]
        sample = SampleFactory.create(steps=steps)
        again = [SynthesisStep(kind="annealing", temperature=910, duration=n + 1) for n in range(20)]
        with django_assert_max_num_queries(58):  # two a step, as without; one reads the sample, one notes all
            sample.revise(by=anna, edition=1, steps=again, masses=[])


class TestAppendOnly:
    @pytest.fixture
    def change(self) -> Change:
        return newest(SampleFactory.create())

    def test_the_database_refuses_what_the_code_would_not_do(self, change: Change) -> None:
        assert Change in guarded_models()
        assert is_guarded(connection, Change)
        attempts: list[Callable[[], Any]] = [
            lambda: Change.objects.filter(pk=change.pk).update(why="never"),
            lambda: Change.objects.filter(pk=change.pk)._raw_delete("default"),
        ]
        for attempt in attempts:
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                attempt()

    def test_neither_does_the_row(self, change: Change) -> None:
        for attempt in (change.save, change.delete):
            with pytest.raises(UnchangingError):
                attempt()
