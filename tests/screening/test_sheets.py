"""The sample list as a spreadsheet, and back: what goes out comes in unchanged; every page of an import."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from pytest_django import DjangoAssertNumQueries

from samples.models import Sample, SheetChange, SheetColumns, SheetImport, SynthesisStep, WeighedMass
from samples.sheets.columns import MASSES, SAMPLES, SYNTHESIS, TABLES
from samples.sheets.export import text_table_of, workbook_of
from tests.factories import SampleFactory, UserFactory
from tests.samples.sheet_files import received, states, workbook

pytestmark = pytest.mark.django_db
Kind = SynthesisStep.Kind


@pytest.fixture
def member(client: Client) -> User:
    person = UserFactory.create(username="student", roles=["member"])
    client.force_login(person)
    return person


def full_sample(**fields: Any) -> Sample:
    return SampleFactory.create(
        **{
            "code": "ASR(I)-1.2+x",
            "composition_text": "Al26 Si34 Ru20",
            "composition_sum": "reported",
            "measured_text": "Al43.4 Si31.5 Ru24.1",
            "parent": SampleFactory.create(code="007", composition_unit="wt", composition_text="Al 43, Si 32, Ru 25"),
            "origin": "annealed",
            "mass_after": "1.9870",
            "place": "=Box 1",
            "used_up": True,
            "notes": "-1 °C\r\n'quoted', \"twice\"; _x0041_ +\t@",
            "steps": [
                SynthesisStep(kind=Kind.ARC_MELTING, melts=3, done_on="2026-11-24", done_by="森", atmosphere="Ar"),
                SynthesisStep(kind=Kind.ANNEALING, temperature="-196.5", duration="0.125", quench="liquid_nitrogen"),
                SynthesisStep(kind=Kind.MELT_SPINNING, wheel_speed=40),
                SynthesisStep(kind=Kind.OTHER, notes="＝looked at"),
            ],
            "masses": [WeighedMass(substance="Al2Cu", mass="0.0001", purity="99.99999", lot="007")],
            **fields,
        }
    )


def changes_of(content: bytes, by: User) -> list[str]:
    """What importing these bytes would change."""
    shown = received(content, by)
    assert shown.layout, "the columns are known"
    return [
        f"{row.table} {row.line}: {row.state} {row.before} {row.problems}"
        for row in shown.rows.all()
        if row.state != "unchanged"
    ]


class TestExportIsTheTemplate:
    @pytest.mark.parametrize("language", ["en", "ja"])
    def test_a_workbook_comes_back_unchanged(self, member: User, language: str) -> None:
        full_sample()
        with translation.override(language):
            content = workbook_of(Sample.objects.all(), list(TABLES.values()))
        assert changes_of(content, member) == []

    @pytest.mark.parametrize("table", [SAMPLES, SYNTHESIS, MASSES], ids=lambda table: table.name)
    @pytest.mark.parametrize("language", ["en", "ja"])
    def test_a_csv_comes_back_unchanged(self, member: User, table: Any, language: str) -> None:
        full_sample()
        with translation.override(language):
            content = text_table_of(Sample.objects.all(), table).encode()
        assert changes_of(content, member) == []

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        notes=st.text(max_size=60),
        place=st.text(alphabet="=+-@'\"\t ,;＝x_", max_size=20),
        done_by=st.text(max_size=30),
        temperature=st.decimals(-273, 3000, places=1),
        mass=st.decimals(Decimal("0.0001"), 999999, places=4),
        lot=st.text(alphabet="0123456789eE.+-", max_size=12),
    )
    def test_odd_values_too(
        self, member: User, notes: str, place: str, done_by: str, temperature: Decimal, mass: Decimal, lot: str
    ) -> None:
        def storable(text: str) -> str:
            return text.replace("\0", "")

        step = SynthesisStep(
            kind=Kind.ANNEALING, temperature=temperature, duration=1, done_by=storable(done_by), notes=storable(notes)
        )
        masses = [WeighedMass(substance="Al", mass=mass, lot=lot)]
        sample = SampleFactory.create(notes=storable(notes), place=place, steps=[step], masses=masses)
        mine = Sample.objects.filter(pk=sample.pk)
        assert changes_of(workbook_of(mine, list(TABLES.values())), member) == []
        for table in TABLES.values():
            assert changes_of(text_table_of(mine, table).encode(), member) == []

    def test_nothing_in_it_is_a_formula(self, client: Client, member: User) -> None:
        full_sample(notes="=HYPERLINK(1)")
        book = load_workbook(io.BytesIO(client.get("/samples/export/").content))
        cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
        assert not [cell for cell in cells if cell.data_type == "f"]
        (notes,) = [cell for cell in cells if cell.value == "=HYPERLINK(1)"]
        assert notes.quotePrefix
        assert "'=HYPERLINK(1)" in client.get("/samples/export/?as=csv").content.decode()

    def test_it_says_how_to_fill_it_in(self, client: Client, member: User) -> None:
        book = load_workbook(io.BytesIO(client.get("/samples/export/?empty=1").content))
        assert book.sheetnames == ["Samples", "Synthesis", "Weighed masses", "How to fill in"]
        assert [cell.value for cell in book["Synthesis"][1]][3:5] == ["Temperature (°C)", "Duration (h)"]
        assert "arc melting · " in str([cell.value for cell in book["How to fill in"]["D"]])

    def test_of_what_the_list_shows(self, client: Client, member: User) -> None:
        SampleFactory.create(code="AM-1", composition_text="Al6Mn", steps=[SynthesisStep(kind="crushing")])
        SampleFactory.create(code="CY-1", composition_text="Cd5.7Yb")
        text = client.get("/samples/export/?q=Al6Mn&as=csv").content.decode("utf-8-sig")
        assert "AM-1" in text
        assert "CY-1" not in text
        assert "AM-1,1,crushing" in client.get("/samples/export/?as=csv&table=synthesis").content.decode()

    def test_without_the_right_there_is_none(self, client: Client) -> None:
        person = UserFactory.create()
        client.force_login(person)
        assert client.get("/samples/export/").status_code == 403
        person.user_permissions.add(Permission.objects.get(codename="view_sample"))
        SampleFactory.create(steps=[SynthesisStep(kind="crushing")])
        book = load_workbook(io.BytesIO(client.get("/samples/export/").content))
        assert book.sheetnames == ["Samples", "How to fill in"]
        assert "crushing" not in client.get("/samples/export/?as=csv&table=synthesis").content.decode()


HEADINGS = ("Sample code", "Nominal composition", "Place")


def sent(client: Client, content: bytes, name: str = "list.xlsx") -> Any:
    return client.post("/samples/import/", {"file": SimpleUploadedFile(name, content)}, follow=True)


class TestPages:
    def test_from_the_file_to_the_samples_and_back(self, client: Client, member: User) -> None:
        content = workbook(S=[HEADINGS, ("A-1", "Al6Mn", "Box"), ("A-2", "Al6Xx", "Box")])
        page = sent(client, content)
        text = page.content.decode()
        assert "Import 1 new sample" in text
        assert "1 row stays out" in text
        assert "“Xx” is not an element" in text
        address = page.redirect_chain[-1][0]
        assert "“Xx” is not an element" not in client.get(f"{address}?state=new").content.decode()
        assert (
            "1 sample is imported: 1 new, 0 changed." in client.post(f"{address}commit/", follow=True).content.decode()
        )
        assert Sample.objects.get().code == "A-1"
        assert "imported already" in client.post(f"{address}commit/", follow=True).content.decode()
        assert "imported already" in client.get(f"{address}columns/", follow=True).content.decode()
        assert "The import is undone" in client.post(f"{address}undo/", follow=True).content.decode()
        assert "nothing to undo" in client.post(f"{address}undo/", follow=True).content.decode()
        assert not Sample.objects.current().exists()
        assert b"".join(client.get(f"{address}original/").streaming_content) == content  # type: ignore[attr-defined]

    def test_rows_left_out_come_back_with_their_reasons(self, client: Client, member: User) -> None:
        page = sent(client, workbook(S=[HEADINGS, ("A-1", "Al6Mn", None), ("A-2", "Al6Xx", "Box")]))
        content = client.get(f"{page.redirect_chain[-1][0]}left-out/").content
        book = load_workbook(io.BytesIO(content))
        (_head, row) = book["Samples"].iter_rows(values_only=True)
        assert row[:3] == ("A-2", "Al6Xx", "Box")
        assert "“Xx” is not an element" in str(row[3])
        assert states(received(content, member)) == ["wrong"]

    def test_columns_that_nobody_knows_are_asked_about_and_remembered(self, client: Client, member: User) -> None:
        content = workbook(Liste=[("a title",), ("Name des Stücks", "Zusammensetzung"), ("A-1", "Al6Mn")])
        page = sent(client, content)
        assert page.templates[0].name == "samples/sheet_columns.html"
        address = page.redirect_chain[-1][0]
        looked = client.post(address, {"samples-sheet": "0", "samples-header": "2", "show": "samples"}).content.decode()
        assert "Zusammensetzung" in looked
        said = {
            "samples-sheet": "0",
            "samples-header": "2",
            "samples-column_0": "code",
            "samples-column_1": "composition_text",
            "empty_cells": "keep",
        }
        refused = client.post(address, {**said, "samples-column_0": ""})
        assert refused.status_code == 422
        assert "Say which column is “Sample code”" in refused.content.decode()
        assert "Import 1 new sample" in client.post(address, said, follow=True).content.decode()
        assert SheetColumns.objects.count() == 1
        again = sent(client, workbook(Liste=[("a title",), ("Name des Stücks", "Zusammensetzung"), ("A-2", "Al6Mn")]))
        assert "Import 1 new sample" in again.content.decode()

    def test_a_column_in_another_unit_is_refused(self, client: Client, member: User) -> None:
        page = sent(client, workbook(S=[("Sample", "Substance", "Mass (mg)"), ("A-1", "Al", 500)]))
        said = {
            "masses-sheet": "0",
            "masses-header": "1",
            "masses-column_0": "sample",
            "masses-column_1": "substance",
            "masses-column_2": "mass",
            "empty_cells": "keep",
        }
        refused = client.post(page.redirect_chain[-1][0], said)
        assert "This column is in mg, and g is meant here" in refused.content.decode()

    def test_the_same_file_again_is_said(self, client: Client, member: User) -> None:
        content = workbook(S=[HEADINGS, ("A-1", "Al6Mn", "Box")])
        client.post(f"{sent(client, content).redirect_chain[-1][0]}commit/")
        text = sent(client, content).content.decode()
        assert "The same file was imported by student at" in text
        assert "Nothing changes: the lab has all of this already." in text

    @pytest.mark.parametrize(
        ("content", "sentence"), [(b"%PDF-1.4 and more", "no spreadsheet"), (b"", "The file is empty")]
    )
    def test_a_file_that_cannot_be_read_says_so(
        self, client: Client, member: User, content: bytes, sentence: str
    ) -> None:
        page = sent(client, content)
        assert page.status_code == 422
        assert sentence in page.content.decode()
        assert not SheetImport.objects.exists()

    def test_without_the_right_or_by_get_nothing_is_done(self, client: Client, member: User) -> None:
        shown = received(workbook(S=[HEADINGS, ("A-1", "Al6Mn", "Box")]), member)
        assert client.get(f"/samples/import/{shown.pk}/commit/").status_code == 405
        client.force_login(UserFactory.create())
        for address in ("", f"{shown.pk}/", f"{shown.pk}/columns/", f"{shown.pk}/original/", f"{shown.pk}/left-out/"):
            assert client.get(f"/samples/import/{address}").status_code == 403
        for address in ("commit", "undo"):
            assert client.post(f"/samples/import/{shown.pk}/{address}/").status_code == 403
        assert not SheetChange.objects.exists()

    def test_the_number_of_queries_does_not_grow_with_the_rows(
        self, client: Client, member: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for n in (1, 150):
            shown = received(workbook(S=[HEADINGS, *((f"A-{n}-{i}", "Al6Mn", "Box") for i in range(n))]), member)
            with django_assert_num_queries(10):
                client.get(f"/samples/import/{shown.pk}/")
            with django_assert_num_queries(6):
                client.get("/samples/import/")
