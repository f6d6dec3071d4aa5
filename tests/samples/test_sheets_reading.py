"""Files of spreadsheet programs: what is read from them, and what each that cannot be read is told."""

from __future__ import annotations

import contextlib
import datetime
import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from samples.sheets.columns import MASSES, SAMPLES, SYNTHESIS, Table
from samples.sheets.layout import guessed_columns, guessed_layouts, is_clear, other_unit
from samples.sheets.reading import MAX_FILE_SIZE, MAX_LINES, Line, Sheet, SheetError, read_sheets
from tests.samples.sheet_files import saved, workbook

XML = b'<?xml version="1.0"?>'


def texts(content: bytes) -> list[tuple[str, ...]]:
    return [line.texts for line in read_sheets(content)[0].lines]


def rezipped(content: bytes, **changed: bytes) -> bytes:
    """A workbook with other bytes in some of its parts."""
    names = {name.replace("/", "_").replace(".", "_"): name for name in zipfile.ZipFile(io.BytesIO(content)).namelist()}
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as after:
        for key, name in names.items():
            after.writestr(name, changed.get(key, before.read(name)))
    return file.getvalue()


class TestText:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_encodings_and_separators(self, encoding: str, separator: str) -> None:
        rows = [("試料番号", "組成", "場所"), ("X-1", "Al6Mn", "棚２"), ("X-2", "Cd5.7Yb", "")]
        content = "\r\n".join(separator.join(row) for row in rows).encode(encoding)
        assert texts(content) == rows

    def test_decimal_commas_between_semicolons(self) -> None:
        assert texts(b"code;mass\nA;1,5\nB;2,5\nC;3,5\n")[1] == ("A", "1,5")

    def test_the_separator_that_excel_names(self) -> None:
        assert texts(b"sep=;\r\ncode;note\r\nA;a, b, c, d\r\n") == [("code", "note"), ("A", "a, b, c, d")]

    def test_line_ends_and_quotes_in_a_cell_and_blank_rows(self) -> None:
        lines = read_sheets(b'code,notes\n,\n\nA,"two\r\nlines, ""quoted"""\n')[0].lines
        assert [(line.number, line.texts) for line in lines] == [
            (1, ("code", "notes")),
            (4, ("A", 'two\nlines, "quoted"')),
        ]

    def test_western_windows_is_read_where_it_is_no_japanese(self) -> None:
        assert texts("code,place\nA,Küche ü\n".encode("cp1252"))[1] == ("A", "Küche ü")

    def test_the_apostrophe_before_a_formula_is_taken_off(self) -> None:
        assert texts(b"code,notes\nA,'=1+1\nB,'quoted'\nC,'-\n")[1:] == [("A", "=1+1"), ("B", "'quoted'"), ("C", "-")]


class TestWorkbooks:
    def test_values_as_people_see_them(self) -> None:
        book = Workbook()
        sheet = book.active
        assert sheet is not None
        day = datetime.datetime(2026, 11, 24)  # noqa: DTZ001 - spreadsheets know no time zones
        sheet.append([0.1 + 0.2, 900.0, 1e-5, True, day, day.replace(hour=9), "  １２ ", datetime.timedelta(hours=48)])
        sheet.append([0.9999, "_x0041_", "a_x000D_b"])
        sheet["A2"].number_format = "0.00%"
        first, second = texts(saved(book))
        assert first == ("0.3", "900", "0.00001", "TRUE", "2026-11-24", "2026-11-24 09:00", "１２", "48")
        assert second == ("99.99", "A", "a\nb")

    def test_a_merged_cell_speaks_for_each_of_its_rows(self) -> None:
        book = Workbook()
        sheet = book.active
        assert sheet is not None
        for row in (("code", "step"), ("A", 1), (None, 2), (None, 3), ("B", 1)):
            sheet.append(row)
        sheet.merge_cells("A2:A4")
        assert [line[0] for line in texts(saved(book))] == ["code", "A", "A", "A", "B"]

    def test_formulas_give_their_result_and_say_where_they_have_none(self) -> None:
        content = workbook(S=[("code", "x"), ("A", "=1+1")])
        (line,) = read_sheets(content)[0].lines[1:]
        assert "has no result yet" in str(line.problems[1])
        part = zipfile.ZipFile(io.BytesIO(content)).read("xl/worksheets/sheet1.xml")
        counted = rezipped(
            content, xl_worksheets_sheet1_xml=part.replace(b"<v></v>", b"<v>2</v>").replace(b"<v />", b"<v>2</v>")
        )
        assert texts(counted)[1] == ("A", "2")

    def test_an_error_of_the_spreadsheet_is_named(self) -> None:
        book = Workbook()
        sheet = book.active
        assert sheet is not None
        sheet["A1"] = "#REF!"
        assert "says #REF! here" in str(read_sheets(saved(book))[0].lines[0].problems[0])

    def test_hidden_sheets_are_known(self) -> None:
        book = Workbook()
        for name in ("Old", "New"):
            book.create_sheet(name).append(["code"])
        book["Old"].sheet_state = "hidden"
        assert [(sheet.name, sheet.hidden) for sheet in read_sheets(saved(book))[1:]] == [("Old", True), ("New", False)]

    def test_a_cell_far_below_is_no_burden(self) -> None:
        book = Workbook()
        sheet = book.active
        assert sheet is not None
        sheet["A1"], sheet["B1048576"] = "code", "end"
        assert [line.number for line in read_sheets(saved(book))[0].lines] == [1, 1_048_576]


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "The file is empty"),
            (b"\n,,\n", "The file is empty"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old format (.xls)"),
            (
                b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
                "protected by a password",
            ),
            (b"<html><table></table></html>", "a web page or XML"),
            (b"%PDF-1.4", "no spreadsheet"),
            (b"\x89PNG\r\n\x1a\n", "no spreadsheet"),
            (b"code,\0\0\0", "no spreadsheet"),
            (b"PK\x03\x04 and then nothing", "damaged or cut off"),
            (b"a" * (MAX_FILE_SIZE + 1), "larger than 20 MB"),
            (b"code\n" + b"A\n" * (MAX_LINES + 1), "more than 50000 rows"),
            (b"code" + b",x" * 300 + b"\n", "more than 200 columns"),
        ],
    )
    def test_by_what_it_is(self, content: bytes, sentence: str) -> None:
        with pytest.raises(SheetError) as caught:
            read_sheets(content)
        assert sentence in str(caught.value)

    @pytest.mark.parametrize(
        ("members", "sentence"),
        [
            ({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}, "OpenDocument"),
            ({"xl/workbook.bin": b""}, ".xlsb"),
            ({"a.csv": b"code\n"}, "a zip archive"),
            ({"[Content_Types].xml": XML, "xl/workbook.xml": XML}, "damaged"),
            ({"[Content_Types].xml": XML, "xl/bomb.xml": bytes(160_000_000)}, "too large"),
            ({"[Content_Types].xml": XML, **{f"xl/{n}": b"" for n in range(2001)}}, "too large"),
        ],
    )
    def test_archives_that_are_no_workbooks(self, members: dict[str, bytes], sentence: str) -> None:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        with pytest.raises(SheetError) as caught:
            read_sheets(file.getvalue())
        assert sentence in str(caught.value)

    @pytest.mark.parametrize("part", ["xl_worksheets_sheet1_xml", "xl_workbook_xml", "xl_styles_xml"])
    def test_xml_entities(self, part: str) -> None:
        bomb = XML + b'<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><worksheet>&b;</worksheet>'
        with pytest.raises(SheetError, match="damaged"):
            read_sheets(rezipped(workbook(S=[("code",), ("A",)]), **{part: bomb}))

    @settings(max_examples=150, deadline=None)
    @given(place=st.integers(0, 5000), value=st.integers(0, 255), cut=st.booleans())
    def test_changed_bytes_raise_nothing_else(self, place: int, value: int, cut: bool) -> None:
        content = bytearray(workbook(S=[("code", "composition"), ("A", "Al6Mn")]))
        place %= len(content)
        content[place] = value
        with contextlib.suppress(SheetError):
            read_sheets(bytes(content[:place]) if cut else bytes(content))

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=300))
    def test_any_bytes_raise_nothing_else(self, content: bytes) -> None:
        with contextlib.suppress(SheetError):
            read_sheets(content)


class TestColumns:
    @pytest.mark.parametrize(
        ("table", "headings", "meanings"),
        [
            (SAMPLES, ("Sample ID", "Composition", "Location", "Memo"), ("code", "composition_text", "place", "notes")),
            (
                SAMPLES,
                ("試料番号", "仕込み組成 (at.%)", "保管場所", "備考"),
                ("code", "composition_text", "place", "notes"),
            ),
            (SYNTHESIS, ("Sample", "工程", "温度（℃）", "保持時間[h]"), ("sample", "kind", "temperature", "duration")),
            (MASSES, ("SAMPLE CODE", "Element", "Weight (g)", "純度(%)"), ("sample", "substance", "mass", "purity")),
        ],
    )
    def test_are_known_by_their_headings(
        self, table: Table, headings: tuple[str, ...], meanings: tuple[str, ...]
    ) -> None:
        assert tuple(guessed_columns(Line(1, headings), table).values()) == meanings

    @pytest.mark.parametrize("heading", ["Mass (mg)", "質量 [mg]"])
    def test_another_unit_is_another_quantity(self, heading: str) -> None:
        assert other_unit(heading, MASSES.column("mass")) == "mg"
        assert guessed_columns(Line(1, ("Sample", heading)), MASSES) == {0: "sample"}

    def test_headings_below_a_title_are_found(self) -> None:
        lines = [("Samples of 2026",), ("", "made by the group"), ("Code", "Composition"), ("A", "Al6Mn")]
        sheet = Sheet("S", tuple(Line(n, line) for n, line in enumerate(lines, start=1)))
        assert guessed_layouts([sheet])["samples"].header == 3

    def test_each_sheet_serves_one_table_and_hidden_ones_none(self) -> None:
        samples = Sheet("List", (Line(1, ("Code", "Composition", "Notes")),))
        steps = Sheet("Steps", (Line(1, ("Code", "Process", "Temperature")),))
        hidden = Sheet("Older", samples.lines, hidden=True)
        layouts = guessed_layouts([hidden, steps, samples])
        assert {name: layout.sheet for name, layout in layouts.items()} == {"samples": 2, "synthesis": 1}
        assert is_clear([hidden, steps, samples], layouts)

    def test_an_unknown_heading_is_asked_about(self) -> None:
        sheet = Sheet("List", (Line(1, ("Code", "Composition", "Colour")),))
        assert not is_clear([sheet], guessed_layouts([sheet]))
