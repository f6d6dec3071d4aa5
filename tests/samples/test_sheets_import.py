"""Spreadsheets of samples: what their rows would do, what is wrong in them, imported as one and undone as one."""

from __future__ import annotations

import re
from decimal import Decimal
from unittest.mock import ANY

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from samples.models import AlloySystem, Change, Sample, SheetChange, SheetImport, SynthesisStep, WeighedMass
from samples.sentences import translated
from samples.sheets.export import left_out_of
from samples.sheets.reading import read_sheets
from tests.factories import SampleFactory, UserFactory, make_pattern
from tests.samples.sheet_files import problems, received, states, workbook

pytestmark = pytest.mark.django_db
HEADINGS = ("Sample code", "Nominal composition", "Place", "Notes")
STEPS = ("Sample code", "Kind of step", "Temperature (°C)", "Duration (h)", "Notes")
MASSES = ("Sample code", "Substance", "Mass (g)")


@pytest.fixture
def student() -> User:
    return UserFactory.create(username="student", roles=["member"])


def committed(content: bytes, by: User) -> SheetImport:
    shown = received(content, by)
    assert shown.commit(by=by)
    return shown


class TestNewSamples:
    def test_samples_steps_and_masses_are_written_as_by_hand(self, student: User) -> None:
        shown = committed(
            workbook(
                Samples=[HEADINGS, ("ASR-001", "Al43Si32Ru25", "Box 1", "first"), ("AM-1", "Al6Mn", None, None)],
                Synthesis=[
                    STEPS,
                    ("ASR-001", "arc melting", None, None, None),
                    ("asr-001", "焼鈍", "９００", "48,5", "slow"),
                    ("AM-1", "melt_spinning", None, None, None),
                ],
                Masses=[MASSES, ("ASR-001", "Al", 0.5061), ("ASR-001", "Ru", "1.102")],
            ),
            student,
        )
        assert states(shown) == ["new", "wrong"]
        assert states(shown, "synthesis") == ["new", "new", "wrong"]
        sample = Sample.objects.get()
        assert (sample.code, sample.composition, sample.place, sample.notes) == (
            "ASR-001",
            "Al43Si32Ru25",
            "Box 1",
            "first",
        )
        assert (sample.made_by, sample.changed_by, sample.edition) == (student, student, 1)
        assert sample.system.name == "Al-Si-Ru"
        assert [(e.element, e.amount) for e in sample.elements.all()] == [
            ("Al", Decimal(43)),
            ("Si", Decimal(32)),
            ("Ru", Decimal(25)),
        ]
        assert [(s.kind, s.temperature, s.duration) for s in sample.steps.all()] == [
            ("arc_melting", None, None),
            ("annealing", Decimal("900"), Decimal("48.5")),
        ]
        assert [(m.substance, m.mass) for m in sample.weighed_masses.all()] == [
            ("Al", Decimal("0.5061")),
            ("Ru", Decimal("1.1020")),
        ]
        assert list(Sample.objects.matching("box first")) == [sample]

    def test_a_sample_without_a_code_gets_the_next_free_one(self, student: User) -> None:
        SampleFactory.create(code="asr-007")
        rows = [HEADINGS, (None, "Al43Si32Ru25", "a", None), ("ASR-009", "Al43Si32Ru25", "b", None)]
        shown = committed(workbook(Samples=[*rows, (None, "Al43Si32Ru25", "c", None)]), student)
        assert [Sample.objects.get(place=place).code for place in "abc"] == ["ASR-010", "ASR-009", "ASR-011"]
        assert translated(shown.rows.get(line=2).note) == "logged as ASR-010"

    def test_pieces_stand_before_or_after_their_parents(self, student: User) -> None:
        INGOT = SampleFactory.create(code="INGOT", simulated=True)
        headings = ("Sample code", "Composition", "Parent sample", "How it came from the parent")
        rows = [
            headings,
            ("P-1-1", "Al6Mn", "P-1", "crushed from"),
            ("P-1", "Al6Mn", "ingot", "切断"),
            (None, "Al6Mn", "P-1", None),
        ]
        rows[2] = ("P-1", "Al6Mn", "ingot", "cut")
        committed(workbook(Samples=rows), student)
        piece = Sample.objects.get(code="P-1-1")
        assert [one.code for one in piece.ancestors()] == ["P-1", "INGOT"]
        assert (piece.origin, piece.simulated) == ("crushed", True)
        assert Sample.objects.filter(parent__code="P-1").count() == 2
        assert INGOT.pieces.count() == 1

    def test_one_sheet_may_serve_the_samples_alone(self, student: User) -> None:
        committed("試料番号,組成\nX-1,Al6Mn\n".encode("cp932"), student)
        assert Sample.objects.get().composition == "Al85.7143Mn14.2857"


class TestWrongCells:
    @pytest.mark.parametrize(
        ("row", "column", "sentence"),
        [
            (("A 1", "Al6Mn", None, None), "code", "A code is letters and digits"),
            (("A-1", "Al6Xx", None, None), "composition_text", "“Xx” is not an element"),
            (("A-1", None, "Box", None), "composition_text", "A new sample needs its nominal composition"),
            (("A-1", "Al26Si34Ru20", None, None), "composition_text", "sums to 80 %"),
            (("A-1", "Al6Mn", "x" * 101, None), "place", "100"),
            (("import", "Al6Mn", None, None), "code", "A code is letters and digits"),
        ],
    )
    def test_say_why(self, student: User, row: tuple[object, ...], column: str, sentence: str) -> None:
        shown = received(workbook(Samples=[HEADINGS, row]), student)
        assert sentence in problems(shown)[2][column]
        assert (states(shown), shown.n_made) == (["wrong"], 0)

    @pytest.mark.parametrize(
        ("row", "column", "sentence"),
        [
            (("NO-1", "annealing", 900, 48, None), "sample", "There is no sample “NO-1”"),
            ((None, "annealing", 900, 48, None), "sample", "write its code"),
            (("S-1", "baking", 900, 48, None), "kind", "Write one of: arc melting, "),
            (("S-1", None, 900, 48, None), "kind", "This field"),
            (("S-1", "annealing", "hot", 48, None), "temperature", "This is not a number"),
            (("S-1", "annealing", -300, 48, None), "temperature", "-273.15"),
            (("S-1", "annealing", 900, None, None), "duration", "Annealing needs its duration"),
            (("S-1", "crushing", 900, None, None), "temperature", "Crushing has no temperature"),
        ],
    )
    def test_of_steps(self, student: User, row: tuple[object, ...], column: str, sentence: str) -> None:
        SampleFactory.create(code="S-1")
        shown = received(workbook(Synthesis=[STEPS, row]), student)
        assert sentence in problems(shown, "synthesis")[2][column]

    def test_each_wrong_cell_of_a_row_is_marked(self, student: User) -> None:
        found = problems(received(workbook(Samples=[HEADINGS, ("A 1", "Al26Si34Ru20", "x" * 101, None)]), student))
        assert set(found[2]) == {"code", "composition_text", "place"}
        assert "in the column “Sum of the composition”" in found[2]["composition_text"]

    def test_a_sample_with_a_wrong_step_stays_out_with_its_pieces(self, student: User) -> None:
        headings = ("Sample code", "Composition", "Parent sample")
        shown = committed(
            workbook(
                Samples=[headings, ("P", "Al6Mn", None), ("P-1", "Al6Mn", "P"), ("Q", "Al6Mn", None)],
                Synthesis=[STEPS, ("P", "annealing", 900, None, None)],
            ),
            student,
        )
        assert states(shown) == ["wrong", "wrong", "new"]
        notes = [translated(row.note) for row in shown.rows.filter(table="samples").order_by("line")]
        assert notes == [
            "Left out, because row 2 of “Synthesis” is wrong.",
            "Left out, because its parent P is.",
            "",
        ]
        assert [sample.code for sample in Sample.objects.all()] == ["Q"]

    def test_the_same_code_twice_a_circle_and_an_unknown_parent(self, student: User) -> None:
        headings = ("Sample code", "Composition", "Parent sample")
        rows = [headings, ("A", "Al6Mn", "B"), ("B", "Al6Mn", "A"), ("C", "Al6Mn", "Z"), ("a", "Al6Mn", None)]
        found = problems(received(workbook(Samples=rows), student))
        assert "Row 2 has the same code" in found[5]["code"]
        assert "is this sample or a piece of it" in found[3]["parent"]
        assert "There is no sample “Z”" in found[4]["parent"]

    def test_a_stored_sample_is_no_piece_of_its_own_pieces(self, student: User) -> None:
        SampleFactory.create(code="B", parent=SampleFactory.create(code="A"))
        shown = received(workbook(Samples=[("Sample code", "Parent sample"), ("A", "B")]), student)
        assert "is this sample or a piece of it" in problems(shown)[2]["parent"]

    def test_numbers_of_steps_are_whole_and_different(self, student: User) -> None:
        SampleFactory.create(code="S-1")
        headings = ("Sample code", "Step number", "Kind of step")
        rows = [headings, ("S-1", 2, "crushing"), ("S-1", 2, "crushing"), ("S-1", "x", "crushing")]
        found = problems(received(workbook(Synthesis=rows), student), "synthesis")
        assert "Row 2 has the same number" in found[3]["position"]
        assert "whole number" in found[4]["position"]

    def test_steps_are_put_in_the_order_of_their_numbers(self, student: User) -> None:
        sample = SampleFactory.create(code="S-1")
        headings = ("Sample code", "Step number", "Kind of step", "Notes")
        rows = [headings, ("S-1", 20, "crushing", "then"), ("S-1", 3, "other step", "first")]
        committed(workbook(Synthesis=rows), student)
        assert [(step.position, step.notes) for step in sample.steps.all()] == [(1, "first"), (2, "then")]


class TestChanges:
    def test_only_what_the_file_has_is_changed_and_shown(self, student: User) -> None:
        sample = SampleFactory.create(code="S-1", place="Box 1", notes="old", mass_after="1.5")
        shown = committed(workbook(Samples=[("code", "Place", "Notes"), ("s-1", "Box 2", None)]), student)
        row = shown.rows.get()
        assert (row.state, row.before) == ("changed", {"place": "Box 1"})
        sample.refresh_from_db()
        assert (sample.place, sample.notes, sample.mass_after, sample.edition) == ("Box 2", "old", Decimal("1.5"), 2)
        assert (sample.code, sample.changed_by) == ("S-1", student)
        assert list(Sample.objects.matching("box 2")) == [sample]

    def test_an_empty_cell_empties_where_that_is_said(self, student: User) -> None:
        sample = SampleFactory.create(code="S-1", notes="old", used_up=True)
        content = workbook(Samples=[("code", "Notes", "Used up"), ("S-1", None, None)])
        assert states(received(content, student)) == ["unchanged"]
        shown = received(content, student, empty_cells="clear")
        shown.commit(by=student)
        sample.refresh_from_db()
        assert (sample.notes, sample.used_up) == ("", False)

    def test_another_composition_is_another_system(self, student: User) -> None:
        sample = SampleFactory.create(code="S-1", composition_text="Al43Si32Ru25")
        committed(workbook(Samples=[("code", "Composition"), ("S-1", "Al70Ru30")]), student)
        sample.refresh_from_db()
        assert (sample.composition, sample.system.name) == ("Al70Ru30", "Al-Ru")
        assert {e.element for e in sample.elements.all()} == {"Al", "Ru"}

    def test_steps_take_the_place_of_the_steps_before(self, student: User) -> None:
        annealed = SynthesisStep(kind="annealing", temperature=900, duration=48, atmosphere="Ar")
        sample = SampleFactory.create(code="S-1", steps=[annealed, SynthesisStep(kind="crushing")])
        first = sample.steps.get(position=1)
        shown = committed(workbook(Synthesis=[STEPS, ("S-1", "annealing", 950, 48, None)]), student)
        row = shown.rows.get()
        assert (row.state, row.before) == ("changed", {"temperature": "900"})
        assert "1 further row that" in translated(row.note)
        step = sample.steps.get()
        assert (step.pk, step.temperature, step.atmosphere) == (first.pk, Decimal(950), "Ar")

    def test_nothing_changes_where_the_lab_has_it(self, student: User) -> None:
        sample = SampleFactory.create(code="S-1", masses=[WeighedMass(substance="Al", mass=Decimal("0.5"))])
        shown = committed(
            workbook(Samples=[HEADINGS, ("S-1", "Al43Si32Ru25", None, None)], M=[MASSES, ("S-1", "Al", 0.5)]), student
        )
        assert (states(shown), states(shown, "masses")) == (["unchanged"], ["unchanged"])
        sample.refresh_from_db()
        assert sample.edition == 1
        assert not SheetChange.objects.exists()

    def test_an_archived_sample_comes_back(self, student: User) -> None:
        sample = SampleFactory.create(code="S-1")
        sample.archive(by=student)
        shown = committed(workbook(Samples=[HEADINGS, ("S-1", "Al43Si32Ru25", None, None)]), student)
        assert translated(shown.rows.get().note) == "comes back from the archive"
        sample.refresh_from_db()
        assert sample.archived_at is None
        shown.undo(by=student)
        sample.refresh_from_db()
        assert sample.archived_at is not None


class TestTwoPeople:
    def test_what_was_saved_since_the_check_is_marked_and_stands(self, student: User) -> None:
        other = UserFactory.create(username="mori")
        sample = SampleFactory.create(code="S-1", place="Box 1")
        rows = [HEADINGS, ("S-1", None, "Box 2", None), ("S-2", "Al6Mn", None, None)]
        shown = received(workbook(Samples=rows), student)
        sample.place = "Box 3"
        sample.revise(by=other, edition=1, steps=[], masses=[])
        assert shown.commit(by=student)
        assert states(shown) == ["conflict", "new"]
        assert "mori saved S-1 at" in translated(shown.rows.get(line=2).note)
        sample.refresh_from_db()
        assert sample.place == "Box 3"
        assert Sample.objects.filter(code="S-2").exists()
        assert (shown.n_made, shown.n_changed) == (1, 0)

    def test_the_same_sheet_at_once_is_imported_once(self, student: User) -> None:
        content = workbook(Samples=[HEADINGS, ("S-1", "Al6Mn", "Box", None)])
        first, second = received(content, student), received(content, UserFactory.create())
        assert first.commit(by=student)
        assert second.same_file_imported() == first
        assert second.commit(by=student)
        assert states(second) == ["unchanged"]
        assert (Sample.objects.count(), second.n_made) == (1, 0)

    def test_a_code_that_was_taken_since_is_a_conflict(self, student: User) -> None:
        shown = received(workbook(Samples=[HEADINGS, ("S-1", "Al6Mn", "Box", None)]), student)
        SampleFactory.create(code="s-1", place="elsewhere")
        shown.commit(by=student)
        assert states(shown) == ["conflict"]
        assert Sample.objects.get().place == "elsewhere"

    def test_a_second_click_writes_nothing(self, student: User) -> None:
        shown = committed(workbook(Samples=[HEADINGS, (None, "Al6Mn", None, None)]), student)
        assert not SheetImport.objects.get(pk=shown.pk).commit(by=student)
        assert Sample.objects.count() == 1


class TestUndo:
    def test_archives_what_was_made_and_restores_what_was_changed(self, student: User) -> None:
        step = SynthesisStep(kind="annealing", temperature=900, duration=48)
        old = SampleFactory.create(code="OLD", composition_text="Al43Si32Ru25", mass_after="1.5", steps=[step])
        shown = committed(
            workbook(
                Samples=[
                    ("code", "Composition", "Mass after synthesis (g)"),
                    ("OLD", "Al70Ru30", 2.5),
                    ("MADE", "Al6Mn", None),
                ],
                Synthesis=[STEPS, ("OLD", "crushing", None, None, None), ("OLD", "crushing", None, None, None)],
                Masses=[MASSES, ("OLD", "Al", 1)],
            ),
            student,
        )
        assert shown.undo(by=student, why="the sheet of another lab")
        assert Change.objects.filter(why__contains="the sheet of another lab", sample=Sample.objects.get(code="MADE"))
        assert Sample.objects.get(code="MADE").archived_at
        old.refresh_from_db()
        assert (old.composition, old.system.name, old.mass_after) == ("Al43Si32Ru25", "Al-Si-Ru", Decimal("1.5"))
        assert [(s.kind, s.temperature, s.duration) for s in old.steps.all()] == [
            ("annealing", Decimal(900), Decimal(48))
        ]
        assert not old.weighed_masses.exists()
        assert {e.element for e in old.elements.all()} == {"Al", "Si", "Ru"}
        assert old.edition == 3
        assert not shown.undo(by=student)

    def test_leaves_what_was_worked_with_since_and_says_why(self, student: User) -> None:
        SampleFactory.create(code="OLD", place="Box 1")
        headings = ("code", "Composition", "Parent sample", "Place")
        names = ("EDITED", "MEASURED", "PARENT", "UNTOUCHED")
        rows = [headings, ("OLD", None, None, "Box 2"), *((name, "Al6Mn", None, None) for name in names)]
        shown = committed(workbook(Samples=[*rows, ("PIECE", "Al6Mn", "PARENT", None)]), student)
        for code in ("OLD", "EDITED", "PIECE"):
            sample = Sample.objects.get(code=code)
            sample.notes = "seen"
            sample.revise(by=student, edition=sample.edition, steps=[], masses=[])
        make_pattern(sample=Sample.objects.get(code="MEASURED"))
        shown.undo(by=student)
        left = {change.sample.code: translated(change.left) for change in shown.changes.filter(left__isnull=False)}
        assert left == {
            "OLD": ANY,
            "EDITED": ANY,
            "PIECE": ANY,
            "MEASURED": "A pattern was measured on it since.",
            "PARENT": "Its piece PIECE stays.",
        }
        assert "student saved it at" in left["OLD"]
        assert [one.code for one in Sample.objects.archived()] == ["UNTOUCHED"]
        assert Sample.objects.get(code="OLD").place == "Box 2"

    def test_after_it_the_mended_file_can_be_imported(self, student: User) -> None:
        content = workbook(Samples=[HEADINGS, ("S-1", "Al6Mn", None, None)])
        committed(content, student).undo(by=student)
        again = committed(workbook(Samples=[HEADINGS, ("S-1", "Al70Mn30", None, None)]), student)
        assert (states(again), again.n_changed) == (["changed"], 1)
        sample = Sample.objects.current().get()
        assert sample.composition == "Al70Mn30"


def test_the_number_of_queries_does_not_grow_with_the_rows(student: User) -> None:
    counts = []
    AlloySystem.objects.for_elements(("Al", "Mn"))
    for n in (2, 3, 30):  # the first fills Django's own caches
        rows = [(f"Q{n}-{i}", "Al6Mn", "Box", None) for i in range(n)]
        steps = [(f"Q{n}-{i}", "annealing", 900, 48, None) for i in range(n)]
        content = workbook(Samples=[HEADINGS, *rows], Synthesis=[STEPS, *steps])
        with CaptureQueriesContext(
            connection,
        ) as queries:
            shown = received(content, student)
            shown.commit(by=student)
            changed = [(code, "Al70Mn30", "Box", "changed") for code, *_rest in rows]
            committed(workbook(Samples=[HEADINGS, *changed]), student)
            shown.undo(by=student)
        counts.append(len(queries))
        assert AlloySystem.objects.count() == 1
    assert counts[1] == counts[2]


class TestInTheLanguageOfTheReader:
    """A student who reads Japanese checks the file, and somebody who reads English looks at it; and the other way round."""

    ROWS = (
        HEADINGS,
        ("A 1", "Al43Si32Ru25", "x" * 101, None),
        ("A-2", "Al43Si32Ru20", None, None),
        ("A-3", "Al43Si32Xx25", None, None),
        ("A-4", None, None, None),
    )
    STEPS = (STEPS, ("A-4", "smelting", "hot", None, None), ("A-4", "annealing", "800", None, None))

    def both(self, student: User, language: str) -> list[dict[int, dict[str, str]]]:
        with override(language):
            shown = received(workbook(Samples=self.ROWS, Synthesis=self.STEPS), student)
        read = []
        for reader in ("en", "ja"):
            with override(reader):
                found = {n: dict(said) for n, said in problems(shown).items()}
                steps = {10 + n: dict(said) for n, said in problems(shown, "synthesis").items()}
                notes = {20 + row.line: {"": translated(row.note)} for row in shown.rows.exclude(note=None)}
                read.append(found | steps | notes)
        return read

    def test_whoever_checked_it_each_reads_their_own(self, student: User) -> None:
        english, japanese = self.both(student, "ja")
        assert [english, japanese] == self.both(student, "en")
        assert "sums to 95 %, not 100" in english[3]["composition_text"]
        assert "write “normalised to 100 %”" in english[3]["composition_text"]
        assert "“smelting” is not known here. Write one of: arc melting, " in english[12]["kind"]
        assert "at most 100 characters (it has 101)" in english[2]["place"]

    def test_no_word_of_the_other_language_is_left(self, student: User) -> None:
        english, japanese = self.both(student, "en")
        for line, said in japanese.items():
            for column, text in said.items():
                assert text != english[line][column]
                assert not re.search(r"[a-z]{3,} [a-z]{2,}", text), text
        assert not [text for said in english.values() for text in said.values() if re.search("[ぁ-ん]", text)]

    def test_the_rows_left_out_are_said_in_the_language_of_who_takes_them_home(self, student: User) -> None:
        with override("ja"):
            shown = received(workbook(Samples=self.ROWS), student)
        why = left_out_of(shown)
        assert "is not an element" in str(read_sheets(why)[0].lines)
