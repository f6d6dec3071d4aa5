"""Samples and alloy systems as rows: what is written together, what is refused, what two people cannot lose."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from samples.models import AlloySystem, EditionConflict, Sample, SynthesisStep, WeighedMass
from tests.factories import SampleFactory, UserFactory

pytestmark = pytest.mark.django_db
Kind = SynthesisStep.Kind


@pytest.fixture
def student() -> User:
    return UserFactory.create(username="student")


def made_of(kind: str = Kind.ANNEALING, **fields: object) -> SynthesisStep:
    return SynthesisStep(kind=kind, **fields)


def weighed(substance: str, mass: str, **fields: object) -> WeighedMass:
    return WeighedMass(substance=substance, mass=Decimal(mass), **fields)


class TestSystems:
    def test_the_first_writer_names_the_system_and_others_join_it(self) -> None:
        first = SampleFactory.create(composition_text="Al43Si32Ru25")
        second = SampleFactory.create(composition_text="Ru20Si40Al40")
        assert (first.system.name, first.system.key) == ("Al-Si-Ru", "Al-Ru-Si")
        assert second.system == first.system

    def test_the_order_can_change_and_the_set_cannot(self) -> None:
        system = SampleFactory.create().system
        system.name = "Ru-Si-Al"
        system.full_clean()
        system.name = "Al-Si-Rh"
        with pytest.raises(ValidationError, match="A system keeps its elements"):
            system.full_clean()

    def test_there_is_one_row_for_each_set(self) -> None:
        SampleFactory.create()
        with pytest.raises(IntegrityError), transaction.atomic():
            AlloySystem.objects.create(key="Al-Ru-Si", name="Si-Al-Ru")


class TestLogging:
    def test_sample_steps_and_masses_are_written_together(self, student: User) -> None:
        sample = Sample(code="ASR(I)", composition_text="Ａｌ４３Si₃₂Ru25", mass_after=Decimal("1.98"))
        sample.log(
            by=student,
            steps=[made_of(Kind.ARC_MELTING, melts=3), made_of(temperature=900, duration=48)],
            masses=[weighed("Al", "0.5061"), weighed("Si", "0.3920"), weighed("Ru", "1.1020", lot="X7")],
        )
        sample = Sample.objects.get(code="ASR(I)")
        assert sample.composition == "Al43Si32Ru25"
        assert [step.kind for step in sample.steps.all()] == [Kind.ARC_MELTING, Kind.ANNEALING]
        assert sample.weighed is not None
        assert sample.weighed.pretty(1) == "Al₄₃Si₃₂Ru₂₅"
        assert sample.mass_loss is not None
        assert sample.mass_loss.grams == Decimal("0.0201")
        assert round(sample.mass_loss.percent, 2) == Decimal("1.00")
        assert (sample.made_by, sample.changed_by, sample.edition) == (student, student, 1)

    def test_nothing_is_written_where_a_step_is_refused(self, student: User) -> None:
        with pytest.raises(ValidationError):
            Sample(code="X-1", composition_text="Al6Mn").log(by=student, steps=[made_of(temperature=900)])
        assert not Sample.objects.exists()

    @pytest.mark.parametrize(
        ("text", "field"),
        [("Al43Xx57", "composition_text"), ("", "composition_text"), ("Al26Si34Ru20", "composition_sum")],
    )
    def test_a_composition_that_is_not_right_is_refused_by_field(self, student: User, text: str, field: str) -> None:
        with pytest.raises(ValidationError) as caught:
            Sample(code="X-1", composition_text=text).log(by=student)
        assert list(caught.value.message_dict) == [field]

    def test_the_next_free_code_follows_the_system(self, student: User) -> None:
        codes = []
        for text in ("Al43Si32Ru25", "Si32Al43Ru25", "Al6Mn"):
            sample = Sample(composition_text=text)
            sample.log(by=student)
            codes.append(sample.code)
        assert codes == ["ASR-001", "ASR-002", "AM-001"]

    def test_a_gap_is_not_filled(self, student: User) -> None:
        SampleFactory.create(code="asr-007")
        sample = Sample(composition_text="Al43Si32Ru25")
        sample.log(by=student)
        assert sample.code == "ASR-008"

    def test_a_piece_takes_its_parents_code_and_a_number(self, student: User) -> None:
        parent = SampleFactory.create(code="ASR-001", simulated=True)
        piece = Sample(composition_text="Al43Si32Ru25", parent=parent, origin=Sample.Origin.CUT)
        piece.log(by=student)
        assert piece.code == "ASR-001-1"
        assert piece.simulated

    def test_a_code_is_taken_in_any_case(self, student: User) -> None:
        SampleFactory.create(code="ASR-001")
        with pytest.raises(ValidationError, match="The code asr-001 is not free"):
            Sample(code="asr-001", composition_text="Al6Mn").log(by=student)

    @pytest.mark.parametrize("code", ["new", "a b", "a/b", "-1", "", "ASR#1", "x" * 41])
    def test_a_code_that_cannot_stand_on_a_vial(self, code: str) -> None:
        with pytest.raises(ValidationError):
            Sample._meta.get_field("code").clean(code, None)

    def test_elements_follow_the_composition(self, student: User) -> None:
        sample = SampleFactory.create(composition_text="Al43Si32Ru25")
        sample.composition_text = "Al70Ru30"
        sample.revise(by=student, edition=1, steps=[], masses=[])
        assert dict(sample.elements.values_list("element", "amount")) == {"Al": Decimal(70), "Ru": Decimal(30)}
        assert sample.system.name == "Al-Ru"


class TestRevising:
    def test_the_second_of_two_tabs_is_told(self, student: User) -> None:
        sample = SampleFactory.create()
        mine, theirs = Sample.objects.get(pk=sample.pk), Sample.objects.get(pk=sample.pk)
        theirs.place = "Box 1"
        theirs.revise(by=student, edition=1, steps=[made_of(temperature=900, duration=48)], masses=[])
        mine.place = "Box 2"
        with pytest.raises(EditionConflict) as conflict:
            mine.revise(by=student, edition=1, steps=[], masses=[])
        assert conflict.value.stored.place == "Box 1"
        assert Sample.objects.get(pk=sample.pk).place == "Box 1"
        assert sample.steps.count() == 1

    def test_rows_keep_their_place(self, student: User) -> None:
        sample = SampleFactory.create(masses=[weighed("Al", "1"), weighed("Si", "2")])
        first = sample.weighed_masses.first()
        assert first is not None
        sample.revise(by=student, edition=1, steps=[], masses=[weighed("Ru", "3")])
        assert [(mass.pk, mass.substance) for mass in sample.weighed_masses.all()] == [(first.pk, "Ru")]

    def test_a_sample_does_not_come_from_its_own_piece(self, student: User) -> None:
        grandparent = SampleFactory.create(code="G")
        parent = SampleFactory.create(code="P", parent=grandparent)
        child = SampleFactory.create(code="C", parent=parent)
        for ancestor in (grandparent, child):
            grandparent.parent = ancestor
            with pytest.raises(ValidationError, match="is this sample or a piece of it"):
                grandparent.revise(by=student, edition=1, steps=[], masses=[])
        assert [ancestor.code for ancestor in Sample.objects.get(pk=child.pk).ancestors()] == ["P", "G"]

    def test_archive_and_restore(self, student: User) -> None:
        sample = SampleFactory.create()
        sample.archive(by=student)
        assert not Sample.objects.current().exists()
        assert Sample.objects.archived().get() == sample
        sample.restore(by=student)
        assert Sample.objects.current().get() == sample


class TestSteps:
    @pytest.mark.parametrize(
        ("step", "fields"),
        [
            (made_of(), {"temperature", "duration"}),
            (made_of(temperature=900), {"duration"}),
            (made_of(Kind.MELT_SPINNING), {"wheel_speed"}),
            (made_of(Kind.OTHER), {"notes"}),
            (made_of(Kind.CRUSHING, temperature=20), {"temperature"}),
            (made_of(Kind.ARC_MELTING, wheel_speed=40), {"wheel_speed"}),
            (made_of(temperature=900, duration=1, melts=3), {"melts"}),
            (made_of(Kind.MELT_SPINNING, wheel_speed=40, quench="water"), {"quench"}),
            (made_of(temperature=-300, duration=0), {"temperature", "duration"}),
        ],
    )
    def test_each_kind_says_what_it_lacks_and_what_is_not_its_own(self, step: SynthesisStep, fields: set[str]) -> None:
        with pytest.raises(ValidationError) as caught:
            step.full_clean(exclude=["sample"])
        assert set(caught.value.message_dict) == fields

    @pytest.mark.parametrize(
        "step",
        [
            made_of(Kind.ARC_MELTING),
            made_of(Kind.INDUCTION, temperature=1200, duration=Decimal("0.5"), melts=1),
            made_of(Kind.MELT_SPINNING, wheel_speed=40, atmosphere="Ar"),
            made_of(temperature=900, duration=48, quench="water"),
            made_of(Kind.CRUSHING, duration=1),
            made_of(Kind.OTHER, notes="Sealed in quartz."),
        ],
    )
    def test_what_labs_record_is_enough(self, step: SynthesisStep) -> None:
        step.full_clean(exclude=["sample"])

    def test_facts_are_read_aloud_with_units(self) -> None:
        step = made_of(temperature=Decimal("900.0"), duration=Decimal("48.000"), atmosphere="Ar", quench="water")
        assert step.facts() == ["900 °C", "48 h", "Ar", "quench: water"]

    @pytest.mark.parametrize(("substance", "mass"), [("Xx", "1"), ("Al", "0"), ("Al", "-1")])
    def test_a_mass_that_cannot_be(self, substance: str, mass: str) -> None:
        with pytest.raises(ValidationError):
            weighed(substance, mass).full_clean(exclude=["sample"])


class TestFinding:
    def test_by_element(self) -> None:
        with_ru = SampleFactory.create(composition_text="Al43Si32Ru25")
        SampleFactory.create(composition_text="Al70Rh30")
        assert list(Sample.objects.with_element("Ru")) == [with_ru]

    @pytest.mark.parametrize("text", ["ASR-001", "asr", "Al43Si32", "ａｌ４３", "box 3", "al-si-ru quenched", ""])
    def test_by_text(self, text: str) -> None:
        found = SampleFactory.create(
            code="ASR-001", composition_text="Al₄₃Si₃₂Ru₂₅", place="Box 3", notes="Quenched in brine."
        )
        assert list(Sample.objects.matching(text)) == [found]

    def test_every_word_has_to_stand_somewhere(self) -> None:
        SampleFactory.create(code="ASR-001", place="Box 3")
        assert not Sample.objects.matching("ASR-001 shelf").exists()

    def test_questions_chain(self) -> None:
        sample = SampleFactory.create(code="ASR-001")
        SampleFactory.create(code="ASR-002").archive(by=sample.made_by)
        SampleFactory.create(code="AM-001", composition_text="Al6Mn")
        found = Sample.objects.current().for_system(sample.system).with_element("Si").matching("asr")
        assert list(found) == [sample]
