"""From a question over the record to labels, exclusions with their sentences, and a frozen set."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from mlmodels.models import Dataset, DatasetConflict, DatasetError, Freeze, Label, content_sha256
from mlmodels.soundness import damage_to
from samples.models import Pattern, Project
from screening.curation.drawing import Drawing
from screening.curation.freezing import freeze
from screening.curation.question import Question
from screening.models import LabelEvidence, ScreeningResult
from tests.factories import SampleFactory, UserFactory, make_pattern, pattern_text
from tests.screening.calls import a_version, make_result
from tests.screening.curated import draft_of, drawn, frozen_set, judged_pattern, sides_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def curator() -> User:
    return UserFactory.create(roles=["curator", "microscopist"])


class TestLabels:
    @pytest.mark.parametrize(
        ("verdict", "structures", "label"),
        [
            ("confirmed", ("icosahedral", "crystalline"), "icosahedral"),
            ("confirmed", ("crystalline",), "icosahedral"),
            ("refuted", ("crystalline", "unknown"), "none"),
            ("refuted", ("approximant_1_1", "crystalline"), "approximant_1_1"),
            ("refuted", ("approximant_2_1",), "approximant_2_1"),
            ("refuted", ("approximant_1_1", "approximant_2_1"), "conflict"),
            ("refuted", ("icosahedral",), "conflict"),
            ("refuted", ("decagonal",), "conflict"),
            ("inconclusive", ("unknown",), "inconclusive"),
        ],
    )
    def test_an_overall_outcome(self, curator: User, verdict: str, structures: tuple[str, ...], label: str) -> None:
        judged_pattern(curator, verdict, structures=structures, name="a.xy")
        assert drawn(draft_of(curator), curator) == {"a.xy": label}

    def test_the_lattice_that_was_signed_on(self, curator: User) -> None:
        length = {"value": "0.8706", "unit": "nm", "convention": "a_F", "lattice_type": "F", "uncertainty": "0.0004"}
        judged_pattern(curator, "confirmed", lattice=length)
        (entry,) = Drawing(draft_of(curator), curator).entries
        assert entry.labelled.a_r == pytest.approx(4.353)
        assert entry.labelled.a_r_sigma == pytest.approx(0.002)
        assert entry.labelled.lattice_type == "F"
        assert entry.labelled.words == "outcome 1: confirmed overall by EDX, TEM"
        assert entry.weight == 1.0

    def test_techniques_count_where_nothing_overall_is_signed(self, curator: User) -> None:
        judged_pattern(curator, "", techniques={"tem": "confirmed", "sem": "inconclusive"}, name="a.xy")
        judged_pattern(curator, "", techniques={"sem": "refuted"}, name="b.xy")
        assert drawn(draft_of(curator), curator) == {"a.xy": "nothing_signed", "b.xy": "nothing_signed"}
        asked = draft_of(curator, "by technique", techniques=("tem", "sem"))
        assert drawn(asked, curator) == {"a.xy": "icosahedral", "b.xy": "none"}
        assert [entry.weight for entry in Drawing(asked, curator).entries] in ([0.9, 0.6], [0.6, 0.9])
        assert drawn(draft_of(curator, "by TEM", techniques=("tem",)), curator)["b.xy"] == "nothing_signed"

    def test_techniques_that_contradict_each_other_need_an_overall_outcome(self, curator: User) -> None:
        asked = draft_of(curator, techniques=("tem", "sem"))
        told = {"sem": "refuted", "tem": "confirmed"}
        judged_pattern(curator, "", techniques=told, name="open.xy")
        judged_pattern(curator, "confirmed", techniques=told, name="decided.xy")
        assert drawn(asked, curator) == {"open.xy": "conflict", "decided.xy": "icosahedral"}
        (left_out,) = Drawing(asked, curator).left_out
        assert str(left_out.words).startswith("TEM says confirmed and SEM refuted. An overall outcome decides")

    def test_enough_readings_of_class_d(self, curator: User, settings: Settings) -> None:
        settings.REVIEW_SECOND_READER, settings.REVIEW_FOUR_EYES = "ACD", False
        version = a_version()
        readers = [UserFactory.create(roles=["reviewer"]) for _ in range(2)]

        def read(name: str, level: str, *verdicts: str) -> None:
            result = make_result(make_pattern(name=name, by=curator), version)
            ScreeningResult.objects.filter(pk=result.pk).update(level=level)
            result.refresh_from_db()
            for reader, verdict in zip(readers, verdicts, strict=False):
                result.add_review(reader, verdict, "for tests")

        read("two.xy", "D", "not_a_quasicrystal", "not_a_quasicrystal")
        read("one.xy", "D", "not_a_quasicrystal", "unsure")
        read("disagree.xy", "D", "not_a_quasicrystal", "follow_up")
        read("class A.xy", "A", "not_a_quasicrystal", "not_a_quasicrystal")
        asked = draft_of(curator, readings=2)
        assert drawn(asked, curator) == {
            "two.xy": "none",
            "one.xy": "too_few_readings",
            "disagree.xy": "readers_disagree",
            "class A.xy": "nothing_signed",
        }
        (entry,) = Drawing(asked, curator).entries
        assert (entry.labelled.origin, entry.weight, entry.level) == ("review", 0.5, "D")
        assert entry.labelled.words == "reviews 1 and 2: not a quasicrystal, of a call of class D"
        alone = Drawing(draft_of(curator, "one reading", readings=1), curator)
        assert sorted((entry.scan.name, entry.weight) for entry in alone.entries) == [("one.xy", 0.3), ("two.xy", 0.5)]

    def test_archived_blank_unreadable_and_simulated_are_left_out(self, curator: User) -> None:
        judged_pattern(curator, "confirmed", name="archived.xy").archive(curator)
        judged_pattern(curator, "confirmed", name="blank.xy", kind="blank")
        judged_pattern(curator, "confirmed", name="simulated.xy", simulated=True)
        make_pattern(name="words.xy", by=curator, content=b"no numbers in here\n")
        judged_pattern(curator, "confirmed", name="of archived sample.xy").sample.archive(by=curator)  # type: ignore[union-attr]
        assert drawn(draft_of(curator), curator) == {
            "archived.xy": "archived",
            "of archived sample.xy": "archived",
            "blank.xy": "blank",
            "simulated.xy": "simulated",
            "words.xy": "unreadable",
        }

    def test_simulated_patterns_have_the_label_of_their_heading(self, curator: User) -> None:
        def simulated(name: str, heading: str) -> None:
            text = f"# {heading}\n# wavelength 1.540593 Angstrom\n".encode() + pattern_text(seed=len(name))
            make_pattern(name=name, content=text, simulated=True, by=curator)

        simulated("qc.xy", "simulated as icosahedral, a_R 4.353 Å, F-type")
        simulated("other.xy", "simulated as none")
        simulated("unsaid.xy", "a simulated pattern")
        asked = draft_of(curator, simulated=True)
        assert drawn(asked, curator) == {"qc.xy": "icosahedral", "other.xy": "none", "unsaid.xy": "nothing_signed"}
        entry = next(entry for entry in Drawing(asked, curator).entries if entry.scan.name == "qc.xy")
        assert (entry.labelled.a_r, entry.labelled.lattice_type, entry.weight) == (4.353, "F", 0.5)
        assert entry.labelled.origin == "simulated"

    def test_an_outcome_on_a_simulated_pattern_weighs_no_more_than_a_simulated_one(self, curator: User) -> None:
        judged_pattern(curator, "confirmed", simulated=True)
        (entry,) = Drawing(draft_of(curator, simulated=True), curator).entries
        assert (entry.labelled.origin, entry.weight) == ("outcome", 0.5)

    def test_the_newest_of_two_follow_ups_answers(self, curator: User) -> None:
        pattern = judged_pattern(curator, "refuted", name="a.xy")
        judged_pattern(curator, "confirmed", sample=pattern.sample, name="b.xy")
        assert drawn(draft_of(curator), curator) == {"a.xy": "icosahedral", "b.xy": "icosahedral"}


class TestQuestion:
    def test_it_is_stored_and_restored(self) -> None:
        asked = Question(techniques=("tem",), readings=2, systems=("Al-Ru-Si",))
        assert Question.restored(asked.as_json()) == asked
        assert Question.restored({}) == Question()

    def test_parts_narrow_what_is_looked_at(self, curator: User) -> None:
        sample = SampleFactory.create(composition_text="Al65Cu20Fe15")
        judged_pattern(curator, "confirmed", name="a.xy")
        judged_pattern(curator, "confirmed", name="b.xy", sample=sample)
        assert set(drawn(draft_of(curator, "1", systems=("Al-Cu-Fe",)), curator)) == {"b.xy"}
        assert set(drawn(draft_of(curator, "2", radiations=("Mo Kα1",)), curator)) == set()
        assert set(drawn(draft_of(curator, "3", radiations=("Cu Kα1",)), curator)) == {"a.xy", "b.xy"}
        version = a_version()
        make_result(Pattern.objects.get(name="a.xy"), version)
        assert set(drawn(draft_of(curator, "4", model_version=version.name), curator)) == {"a.xy"}

    def test_nobody_draws_on_what_they_may_not_see(self, curator: User) -> None:
        judged_pattern(curator, "confirmed", name="a.xy")
        project = Project.objects.begin(key="hidden", name="Hidden", by=UserFactory.create(roles=["admin"]))
        sample = Pattern.objects.get().sample
        assert sample
        sample.project = project
        sample.save(update_fields=["project"])
        person = User.objects.get(pk=curator.pk)
        assert drawn(draft_of(person), person) == {}


class TestByHand:
    def test_taken_out_and_in_and_left_to_the_question_again(self, curator: User) -> None:
        out = judged_pattern(curator, "confirmed", name="out.xy")
        into = make_pattern(name="in.xy", by=curator)
        draft = draft_of(curator)
        draft.choose(out, by=curator, side="out", reason="a crack in the holder")
        draft.choose(into, by=curator, side="in", label="none", reason="pure copper")
        assert drawn(draft, curator) == {"out.xy": "by_hand", "in.xy": "none"}
        (entry,) = Drawing(draft, curator).entries
        assert (entry.labelled.words, entry.weight) == ("pure copper", 0.5)
        draft.leave_to_the_question(out, by=curator)
        draft.leave_to_the_question(into, by=curator)
        assert drawn(draft, curator) == {"out.xy": "icosahedral", "in.xy": "nothing_signed"}

    def test_what_is_signed_goes_before_a_label_by_hand(self, curator: User) -> None:
        pattern = judged_pattern(curator, "confirmed", name="a.xy")
        draft = draft_of(curator)
        draft.choose(pattern, by=curator, side="in", label="none", reason="I think so")
        assert drawn(draft, curator) == {"a.xy": "icosahedral"}

    def test_a_reason_and_a_label_are_asked_for(self, curator: User) -> None:
        pattern, draft = make_pattern(by=curator), draft_of(curator)
        with pytest.raises(DatasetError, match="Say why"):
            draft.choose(pattern, by=curator, side="out", reason=" ")
        with pytest.raises(DatasetError, match="needs a label"):
            draft.choose(pattern, by=curator, side="in", reason="seen before")
        with pytest.raises(DatasetError, match="made by curators"):
            draft.choose(pattern, by=UserFactory.create(roles=["member"]), side="out", reason="dust")


class TestLineages:
    def test_pieces_of_one_ingot_are_on_one_side(self, curator: User) -> None:
        for _ in range(8):
            ingot = SampleFactory.create()
            judged_pattern(curator, "confirmed", sample=ingot)
            piece = SampleFactory.create(parent=ingot, origin="cut")
            judged_pattern(curator, "refuted", sample=SampleFactory.create(parent=piece, origin="annealed"))
        drawing = Drawing(draft_of(curator), curator)
        side_of: dict[int, set[str]] = {}
        for entry in drawing.entries:
            side_of.setdefault(drawing.record.roots[entry.scan.sample or 0], set()).add(entry.split)
        assert [len(sides) for sides in side_of.values()] == [1] * 8
        assert {entry.lineage for entry in drawing.entries} == set(range(1, 9))

    def test_the_same_numbers_are_one_lineage_and_stay_once(self, curator: User) -> None:
        text = pattern_text(seed=5)
        first = judged_pattern(curator, "confirmed", content=text, name="a.xy")
        judged_pattern(curator, "confirmed", content=b"# again\n" + text, name="b.xy")
        judged_pattern(
            curator, "confirmed", sample=SampleFactory.create(parent=first.sample, origin="cut"), name="c.xy"
        )
        drawing = Drawing(draft_of(curator), curator)
        assert len(drawing.entries) == 2
        assert {entry.lineage for entry in drawing.entries} == {1}
        (left_out,) = drawing.left_out
        assert left_out.reason == "duplicate"

    def test_the_same_numbers_with_another_label_are_left_out_altogether(self, curator: User) -> None:
        text = pattern_text(seed=5)
        judged_pattern(curator, "confirmed", content=text, name="a.xy")
        judged_pattern(curator, "refuted", content=b"# again\n" + text, name="b.xy")
        assert drawn(draft_of(curator), curator) == {"a.xy": "conflict", "b.xy": "conflict"}

    def test_a_new_version_keeps_the_sides(self, curator: User) -> None:
        first = frozen_set(curator)
        before = sides_of(first)
        for _ in range(30):
            judged_pattern(curator, "confirmed")
        second = first.begin_next(curator)
        second.revise(by=curator, edition=second.edition, seed=99)
        freeze(second, curator, "thirty more")
        after = sides_of(second)
        assert {name: after[name] for name in before} == before
        assert second.changes == {"added": 30, "dropped": 0, "relabelled": 0, "moved": 0}
        assert second.based_on == first


class TestFreezing:
    def test_it_holds_what_was_seen(self, curator: User) -> None:
        judged_pattern(curator, "confirmed")
        judged_pattern(curator, "refuted")
        draft = draft_of(curator)
        seen = Drawing(draft, curator)
        freeze(draft, curator, "the first two", seen=seen.sha256)
        draft = Dataset.objects.get(pk=draft.pk)
        assert draft.is_frozen
        assert (draft.n_entries, draft.sha256) == (2, seen.sha256)
        assert content_sha256(draft.hashed_rows()) == draft.sha256
        signed = Freeze.objects.get()
        assert (signed.dataset, signed.dataset_sha256, signed.reason) == (draft, draft.sha256, "the first two")
        assert LabelEvidence.objects.filter(entry__dataset=draft, outcome__isnull=False).count() == 2
        entry = draft.entries.get(label=Label.ICOSAHEDRAL)
        assert entry.reading.arrays_sha256 == entry.arrays_sha256
        assert not damage_to(draft).sentences

    def test_an_empty_set(self, curator: User) -> None:
        with pytest.raises(DatasetError, match="Nothing would be in it"):
            freeze(draft_of(curator), curator, "for tests")

    def test_one_label_only(self, curator: User) -> None:
        judged_pattern(curator, "confirmed")
        with pytest.raises(DatasetError, match="All of it is “icosahedral”"):
            freeze(draft_of(curator), curator, "for tests")

    def test_twice(self, curator: User) -> None:
        dataset = frozen_set(curator)
        with pytest.raises(DatasetError, match="is frozen and does not change"):
            freeze(Dataset.objects.get(pk=dataset.pk), curator, "again")
        with pytest.raises(DatasetError, match="is frozen and does not change"):
            dataset.choose(Pattern.objects.all()[0], by=curator, side="out", reason="dust")
        with pytest.raises(DatasetError, match="There is nothing to freeze"):
            freeze(dataset.begin_next(curator), curator, "again")

    def test_two_at_once(self, curator: User) -> None:
        judged_pattern(curator, "confirmed")
        judged_pattern(curator, "refuted")
        draft = draft_of(curator)
        other = Dataset.objects.get(pk=draft.pk)
        freeze(draft, curator, "first")
        other.state = Dataset.State.DRAFT
        with pytest.raises(DatasetError, match="is frozen and does not change"):
            freeze(other, curator, "second")
        assert Freeze.objects.count() == 1

    def test_what_nobody_saw(self, curator: User) -> None:
        judged_pattern(curator, "confirmed")
        judged_pattern(curator, "refuted")
        draft = draft_of(curator)
        seen = Drawing(draft, curator).sha256
        judged_pattern(curator, "refuted")
        with pytest.raises(DatasetError, match="The record was changed while you looked"):
            freeze(draft, curator, "for tests", seen=seen)

    def test_a_draft_that_somebody_changed(self, curator: User) -> None:
        draft = draft_of(curator)
        other = Dataset.objects.get(pk=draft.pk)
        other.revise(by=curator, edition=other.edition, notes="mine")
        with pytest.raises(DatasetConflict):
            draft.revise(by=curator, edition=draft.edition, notes="yours")
        assert Dataset.objects.get(pk=draft.pk).notes == "mine"

    def test_without_a_reason_or_the_role(self, curator: User) -> None:
        draft = draft_of(curator)
        with pytest.raises(DatasetError, match="Say what this version is for"):
            freeze(draft, curator, " ")
        with pytest.raises(DatasetError, match="frozen by curators"):
            freeze(draft, UserFactory.create(roles=["member"]), "for tests")

    def test_files_that_are_missing_or_altered(self, curator: User) -> None:
        _kept, lost, spoilt = (judged_pattern(curator, verdict) for verdict in ("confirmed", "refuted", "refuted"))
        path_of(lost).unlink()
        path_of(spoilt).write_bytes(b"other")
        with pytest.raises(DatasetError) as refused:
            freeze(draft_of(curator), curator, "for tests")
        said = str(refused.value)
        assert f"1 original files are missing; the first is {lost.file.sha256}" in said
        assert f"1 original files were altered; the first is {spoilt.file.sha256}" in said
        assert said.endswith("Nothing was frozen.")
        assert not Freeze.objects.exists()

    def test_the_number_of_queries_does_not_grow(self, curator: User) -> None:
        frozen_set(curator)
        with CaptureQueriesContext(connection) as few:
            freeze(draft_of(curator, "few"), curator, "for tests")
        for _ in range(10):
            judged_pattern(curator, "refuted")
        with CaptureQueriesContext(connection) as many:
            freeze(draft_of(curator, "many"), curator, "for tests")
        assert len(many) == len(few)


def path_of(pattern: Pattern) -> Path:
    return Path(settings.MEDIA_ROOT) / str(pattern.file.content.name)


class TestVerifying:
    def test_a_sound_set(self, curator: User, capsys: pytest.CaptureFixture[str]) -> None:
        dataset = frozen_set(curator)
        call_command("verify_dataset", dataset.name)
        assert f"sound   All outcomes v1: 6 entries, SHA-256 {dataset.sha256}" in capsys.readouterr().out

    def test_a_file_that_was_altered(self, curator: User, capsys: pytest.CaptureFixture[str]) -> None:
        dataset = frozen_set(curator)
        pattern = Pattern.objects.all()[0]
        path_of(pattern).write_bytes(b"other")
        with pytest.raises(SystemExit):
            call_command("verify_dataset", dataset.name, version=1)
        assert hashlib.sha256(b"other").hexdigest() != pattern.file.sha256
        assert "1 original files were altered" in capsys.readouterr().out

    def test_numbers_that_were_altered(self, curator: User) -> None:
        dataset = frozen_set(curator)
        reading = dataset.entries.all()[0].reading
        with connection.cursor() as cursor:
            cursor.execute("UPDATE samples_readingarrays SET intensity = two_theta WHERE reading_id = %s", [reading.pk])
        assert damage_to(dataset).readings == [reading.pk]
