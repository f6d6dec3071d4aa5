"""What people say about a spreadsheet: which sheet holds what, where its headings stand, and what each column is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from samples.fields import StyledBoundField, TypedIntegerField
from samples.models import SheetColumns, SheetImport
from samples.requests import sent_number
from samples.sheets.columns import TABLES, WHAT_IS_WRONG, Table
from samples.sheets.layout import Layout, guessed_columns, guessed_layouts, key_of, line_number, other_unit
from samples.sheets.reading import Line, Sheet

EXAMPLES = 3
"""Values of a column that are shown beside its heading."""


class SheetFileForm(forms.Form):
    bound_field_class = StyledBoundField

    file = forms.FileField(
        label=gettext_lazy("Spreadsheet"),
        help_text=gettext_lazy(
            "An .xlsx or .xlsm workbook, or text with commas, semicolons or tabs (.csv); up to 20 MB and 50,000 rows."
        ),
        error_messages={"required": gettext_lazy("Choose a file."), "empty": gettext_lazy("The file is empty.")},
        widget=forms.FileInput(attrs={"accept": ".xlsx,.xlsm,.csv,.tsv,.txt", "class": "form-control"}),
    )


class TableForm(forms.Form):
    """Where one table of ours stands in the file: sheet, line of headings, and the meaning of each column."""

    bound_field_class = StyledBoundField

    sheet = forms.ChoiceField(label=gettext_lazy("Sheet"), required=False)
    header = TypedIntegerField(label=gettext_lazy("Headings in row"), min_value=1, required=False)

    def __init__(
        self, table: Table, sheets: Sequence[Sheet], layout: Layout | None, typed: QueryDict | None = None
    ) -> None:
        self.table, self.sheets = table, sheets
        super().__init__(typed, prefix=table.name)
        self.fields["sheet"].choices = [  # type: ignore[attr-defined]
            ("", _("– not in this file –")),
            *((str(number), _sheet_label(sheet)) for number, sheet in enumerate(sheets)),
        ]
        self.initial = {"sheet": "" if layout is None else str(layout.sheet), "header": layout.header if layout else 1}
        self.headings: Line = Line(1, ())
        chosen = sent_number(self["sheet"].value())
        if chosen is not None and chosen < len(sheets):
            self._add_columns(sheets[chosen], layout)

    def _add_columns(self, sheet: Sheet, layout: Layout | None) -> None:
        """A choice for each column that has a heading or anything below it."""
        self.headings = line_number(sheet, sent_number(self["header"].value()) or 1)
        known = layout is not None and (layout.sheet, layout.header) == (
            sent_number(self["sheet"].value()),
            self.headings.number,
        )
        meanings = layout.columns if layout is not None and known else guessed_columns(self.headings, self.table)
        below = [line for line in sheet.lines if line.number > self.headings.number][:EXAMPLES]
        choices = [("", _("– leave out –")), *((c.name, c.heading) for c in self.table.taken_in)]
        taken_in = {column.name for column in self.table.taken_in}
        self.examples: dict[str, str] = {}
        for place in range(sheet.width):
            examples = [line.text(place) for line in below if line.text(place)]
            if not self.headings.text(place) and not examples:
                continue
            name = f"column_{place}"
            meaning = meanings.get(place, "")
            self.fields[name] = forms.ChoiceField(
                label=self.headings.text(place) or _("column %(n)s, without a heading") % {"n": place + 1},
                choices=choices,
                required=False,
                initial=meaning if meaning in taken_in else "",
            )
            self.examples[name] = " · ".join(examples)

    @property
    def column_fields(self) -> list[tuple[forms.BoundField, str]]:
        """Each column's choice, with a few of its values."""
        return [(self[name], self.examples[name]) for name in self.fields if name.startswith("column_")]

    @property
    def places(self) -> dict[int, str]:
        """Column of the sheet → what was chosen for it."""
        chosen = self.cleaned_data.items()
        return {
            int(name.removeprefix("column_")): value for name, value in chosen if name.startswith("column_") and value
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not cleaned.get("sheet"):
            return cleaned
        meanings = list(self.places.values())
        for name in self.table.needed:
            if name not in meanings:
                heading = self.table.column(name).heading
                self.add_error(
                    None,
                    ValidationError(_("Say which column is “%(heading)s”: it is needed."), params={"heading": heading}),
                )
        for place, meaning in self.places.items():
            column = self.table.column(meaning)
            if meanings.count(meaning) > 1:
                self.add_error(f"column_{place}", _("Two columns cannot mean the same. Leave one of them out."))
            elif unit := other_unit(self.headings.text(place), column):
                sentence = _(
                    "This column is in %(unit)s, and %(wanted)s is meant here. Convert it in the file, with its heading."
                )
                self.add_error(
                    f"column_{place}", ValidationError(sentence, params={"unit": unit, "wanted": column.unit})
                )
        return cleaned

    @property
    def layout(self) -> Layout | None:
        """As it was said; None where the file does not have this table."""
        if not self.cleaned_data.get("sheet"):
            return None
        informs = {
            place: name
            for place, name in guessed_columns(self.headings, self.table).items()
            if name == WHAT_IS_WRONG.name or self.table.column(name).informs
        }
        return Layout(int(self.cleaned_data["sheet"]), self.headings.number, {**informs, **self.places})


class LayoutForm:
    """The forms of all tables, and what an empty cell means."""

    def __init__(
        self, sheets: Sequence[Sheet], layouts: Mapping[str, Layout], shown: SheetImport, typed: QueryDict | None = None
    ) -> None:
        self.tables = [TableForm(table, sheets, layouts.get(name), typed) for name, table in TABLES.items()]
        self.empty_cells = EmptyCellsForm(typed, initial={"empty_cells": shown.empty_cells})
        self.error = ""

    def is_valid(self) -> bool:
        valid = all([*(form.is_valid() for form in self.tables), self.empty_cells.is_valid()])
        if valid and not self.layouts:
            self.error = _(
                "Nothing would be taken in. Choose the sheet that has the samples, their steps or their masses."
            )
        return valid and not self.error

    @property
    def layouts(self) -> dict[str, Layout]:
        return {form.table.name: form.layout for form in self.tables if form.layout is not None}


class EmptyCellsForm(forms.Form):
    bound_field_class = StyledBoundField

    empty_cells = forms.ChoiceField(
        label=gettext_lazy("For a sample that the lab has, an empty cell means"), choices=SheetImport.Empty
    )


def known_layouts(sheets: Sequence[Sheet]) -> dict[str, Layout]:
    """As guessed, but what people said about the same headings before goes first."""
    layouts = guessed_layouts(sheets)
    keys = {
        key_of(name, line_number(sheets[layout.sheet], layout.header).texts): name for name, layout in layouts.items()
    }
    for number, sheet in enumerate(sheets):
        for line in sheet.lines[:10]:
            for name in TABLES:
                keys.setdefault(key_of(name, line.texts), f"{name} {number} {line.number}")
    said = SheetColumns.objects.filter(key__in=list(keys)).values_list("key", "columns")
    for key, columns in said:
        place = keys[key].split()
        name = place[0]
        before = layouts.get(name)
        number, header = (int(place[1]), int(place[2])) if len(place) > 1 else (before.sheet, before.header)  # type: ignore[union-attr]
        if len(place) == 1 or before is None:
            layouts[name] = Layout(number, header, {int(k): v for k, v in columns.items()})
    return {name: layouts[name] for name in TABLES if name in layouts}


def remember(sheets: Sequence[Sheet], layouts: Mapping[str, Layout], by: User) -> None:
    """For the next file with the same headings."""
    for name, layout in layouts.items():
        key = key_of(name, line_number(sheets[layout.sheet], layout.header).texts)
        SheetColumns.objects.update_or_create(key=key, defaults={"columns": layout.as_json()["columns"], "said_by": by})


def _sheet_label(sheet: Sheet) -> str:
    return _("%(name)s (hidden)") % {"name": sheet.name} if sheet.hidden else sheet.name
