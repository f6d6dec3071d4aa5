"""The tables that a spreadsheet of samples has: their columns, what may stand in a cell, and how a row writes it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Model, TextChoices
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from samples.forms import MassForm, SampleForm, StepForm
from samples.models.samples import Sample, plain_text
from samples.models.synthesis import SynthesisStep
from samples.sentences import listed
from samples.sheets.cells import cleaned, plain_number

Text = str | Promise

EXCEL_DAYS = re.compile(r"[2-7]\d{4}")
"""A day as spreadsheet programs count it: 20000 is in 1954, 79999 in 2119."""
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T].*)?")
_DAY_WITHOUT_DASHES = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)")
_YES = {"yes", "true", "1", "x", "y", "○", "◯", "はい", "有", "✓"}
_NO = {"", "no", "false", "0", "n", "×", "いいえ", "無", "-"}


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column: text, unless a subclass reads something else.

    name: of the field that it fills; unit: of its numbers, as headings write it in brackets
    aliases: further headings by which it is known, in any case
    informs: written for people, and not taken in
    """

    name: str
    heading: Text
    aliases: str = ""
    unit: str = ""
    field: forms.Field | None = None
    informs: bool = False
    hint: Text = ""

    def read(self, text: str) -> Any:
        """The value that the text means; ValidationError with a sentence."""
        return self.field.clean(text) if self.field else text

    def value(self, row: Model) -> Any:
        """As an export writes it: text, a number or a day."""
        return getattr(row, self.name)

    def text(self, row: Model) -> str:
        """The text that reading an export gives back."""
        value = self.value(row)
        return plain_number(value) if isinstance(value, Decimal) else cleaned("" if value is None else str(value))


@dataclass(frozen=True, slots=True, eq=False)
class CodeColumn(Column):
    """A code: full-width letters are narrow ones."""

    def read(self, text: str) -> Any:
        return plain_text(text)


@dataclass(frozen=True, slots=True, eq=False)
class RelatedCodeColumn(CodeColumn):
    """The code of another row: `parent`, `sample`."""

    def value(self, row: Model) -> Any:
        related = getattr(row, self.name)
        return related.code if related else ""


@dataclass(frozen=True, slots=True, eq=False)
class ProjectColumn(CodeColumn):
    """The key of a project."""

    def value(self, row: Model) -> Any:
        project = getattr(row, self.name)
        return project.key if project else ""


@dataclass(frozen=True, slots=True, eq=False)
class ChoiceColumn(Column):
    """One of some words, in any language of the lab."""

    choices: type[TextChoices] | None = None

    def read(self, text: str) -> Any:
        assert self.choices is not None
        known = words_of(self.choices)
        value = known.get(_folded(text))
        if value is None:
            raise ValidationError(
                gettext_lazy("“%(text)s” is not known here. Write one of: %(words)s."),
                params={"text": text, "words": listed(choice.label for choice in self.choices if choice.value)},
            )
        return value

    def value(self, row: Model) -> Any:
        assert self.choices is not None
        value = getattr(row, self.name)
        return str(self.choices(value).label) if value else ""


@dataclass(frozen=True, slots=True, eq=False)
class YesColumn(Column):
    def read(self, text: str) -> Any:
        word = unicodedata.normalize("NFKC", text).strip().casefold()
        if word in _YES or word == gettext("yes").casefold():
            return True
        if word in _NO or word == gettext("no").casefold():
            return False
        raise ValidationError(gettext_lazy("Write yes or no, or leave the cell empty for no."))

    def value(self, row: Model) -> Any:
        return gettext("yes") if getattr(row, self.name) else ""


@dataclass(frozen=True, slots=True, eq=False)
class DayColumn(Column):
    def read(self, text: str) -> Any:
        plain = unicodedata.normalize("NFKC", text).strip()
        if EXCEL_DAYS.fullmatch(plain):
            return date(1899, 12, 30) + timedelta(days=int(plain))
        match = _DAY.fullmatch(plain) or _DAY_WITHOUT_DASHES.fullmatch(plain)
        try:
            return date(*map(int, match.groups())) if match else None
        except ValueError:
            raise ValidationError(gettext_lazy("There is no such day. Write it like 2026-11-24.")) from None
        finally:
            if plain and not match:
                raise ValidationError(
                    gettext_lazy("This is not read as a day. Write it like 2026-11-24: year, month, day.")
                )


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One kind of table; `key` is the column that says which sample a row is about."""

    name: str
    title: Text
    key: str
    columns: tuple[Column, ...]
    needed: tuple[str, ...]
    about: Text = field(default="")

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def taken_in(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if not column.informs)


@cache
def words_of(choices: type[TextChoices]) -> Mapping[str, str]:
    """Each way to write a choice → its value: the value itself, and its label in each language."""
    words: dict[str, str] = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            words |= {_folded(str(choice.label)): choice.value for choice in choices if choice.value}
    return words | {_folded(choice.value): choice.value for choice in choices if choice.value}


def _folded(text: str) -> str:
    return re.sub(r"[\s_.]+", "", unicodedata.normalize("NFKC", text)).casefold()


def _sample(name: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "field": SampleForm.base_fields[name], **options}


def _step(name: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "field": StepForm.base_fields[name], **options}


def _mass(name: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "field": MassForm.base_fields[name], **options}


_CODE = "code, sample, sample code, sample id, sample name, sample no, id, no, コード, 試料, 試料名, 試料番号, 試料コード, サンプル, サンプル名, サンプル番号"
_NOTES = "notes, note, remarks, remark, comment, comments, memo, 備考, メモ, コメント, 注記"

SAMPLES = Table(
    name="samples",
    title=gettext_lazy("Samples"),
    key="code",
    needed=("code",),
    about=gettext_lazy("One row a sample."),
    columns=(
        CodeColumn("code", gettext_lazy("Sample code"), _CODE, hint=gettext_lazy("As written on the vial. Leave it empty for the next free code of the system.")),
        Column(**_sample("composition_text"), heading=gettext_lazy("Nominal composition"), aliases="composition, nominal, formula, alloy, 仕込み組成, 組成, 合金組成, 合金", hint=gettext_lazy("A formula such as Al43Si32Ru25; ratios such as Al6Mn are normalised. A new sample needs it.")),
        ChoiceColumn("composition_unit", gettext_lazy("Amounts in"), "unit, composition unit, amounts, 単位, 組成の単位", choices=Sample.CompositionUnit),
        ChoiceColumn("composition_sum", gettext_lazy("Sum of the composition"), "sum, 合計, 組成の合計", choices=Sample.CompositionSum, hint=gettext_lazy("Only where the amounts do not sum to 100 %.")),
        Column(**_sample("measured_text"), heading=gettext_lazy("Measured composition (EDX, at.%)"), aliases="measured composition, edx, edx composition, analysed composition, 分析組成, 実測組成, 測定組成", hint=gettext_lazy("As the microprobe reported it; it need not sum to 100.")),
        RelatedCodeColumn("parent", gettext_lazy("Parent sample"), "parent, parent code, mother, mother sample, 親試料, 親, 母試料", hint=gettext_lazy("Its code, if this piece was cut or annealed from another sample.")),
        ChoiceColumn("origin", gettext_lazy("How it came from the parent"), "origin, 由来, 親試料からの由来", choices=Sample.Origin),
        Column(**_sample("mass_after"), heading=gettext_lazy("Mass after synthesis (g)"), aliases="mass, mass after, weight, 合成後の質量, 質量, 重量", unit="g"),
        Column(**_sample("place"), heading=gettext_lazy("Place"), aliases="location, storage, box, 保管場所, 場所", hint=gettext_lazy("Where the piece lies.")),
        YesColumn("used_up", gettext_lazy("Used up"), "used, 使用済み, 消費済み, 残量なし", hint=gettext_lazy("yes, or empty")),
        Column(**_sample("notes"), heading=gettext_lazy("Notes"), aliases=_NOTES),
        ProjectColumn("project", gettext_lazy("Project"), "project key, group, プロジェクト", hint=gettext_lazy("Key of the project of a new sample; empty is that of its parent, or the whole lab.")),
        Column("system", gettext_lazy("Alloy system"), "system, 合金系", informs=True),
        Column("made_by", gettext_lazy("Logged by"), "author, 登録者", informs=True),
        Column("made_at", gettext_lazy("Logged at"), "logged, 登録日時", informs=True),
    ),
)  # fmt: skip

SYNTHESIS = Table(
    name="synthesis",
    title=gettext_lazy("Synthesis"),
    key="sample",
    needed=("sample", "kind"),
    about=gettext_lazy("One row a step. The steps of a sample that stands here take the place of its steps so far."),
    columns=(
        RelatedCodeColumn("sample", gettext_lazy("Sample code"), _CODE),
        Column("position", gettext_lazy("Step number"), "step, order, position, step no, number, 順番, 順序, 工程番号, 番号", hint=gettext_lazy("1, 2, 3 …; without it, steps are taken as they stand")),
        ChoiceColumn("kind", gettext_lazy("Kind of step"), "kind, process, treatment, type, method, 工程, 種類, 処理, 合成方法", choices=SynthesisStep.Kind),
        Column(**_step("temperature"), heading=gettext_lazy("Temperature (°C)"), aliases="t, temp, annealing temperature, 温度, 焼鈍温度, 熱処理温度", unit="°C"),
        Column(**_step("duration"), heading=gettext_lazy("Duration (h)"), aliases="time, hours, annealing time, 時間, 焼鈍時間, 熱処理時間, 保持時間", unit="h"),
        Column(**_step("melts"), heading=gettext_lazy("Times melted"), aliases="melts, 溶解回数"),
        Column(**_step("wheel_speed"), heading=gettext_lazy("Wheel speed (m/s)"), aliases="wheel, ロール周速, 周速, ロール速度", unit="m/s"),
        Column(**_step("atmosphere"), heading=gettext_lazy("Atmosphere"), aliases="gas, 雰囲気"),
        ChoiceColumn("quench", gettext_lazy("Quench"), "cooling, quenching, 急冷, 冷却, 冷却方法", choices=SynthesisStep.Quench),
        DayColumn("done_on", gettext_lazy("Done on"), "date, day, 日付, 実施日, 作製日, 年月日"),
        Column(**_step("done_by"), heading=gettext_lazy("Done by"), aliases="by, who, operator, person, 実施者, 作製者, 担当者, 担当"),
        Column(**_step("notes"), heading=gettext_lazy("Notes"), aliases=_NOTES),
    ),
)  # fmt: skip

MASSES = Table(
    name="masses",
    title=gettext_lazy("Weighed masses"),
    key="sample",
    needed=("sample", "substance", "mass"),
    about=gettext_lazy("One row a substance. The masses of a sample that stands here take the place of its masses so far."),
    columns=(
        RelatedCodeColumn("sample", gettext_lazy("Sample code"), _CODE),
        Column(**_mass("substance"), heading=gettext_lazy("Substance"), aliases="element, material, raw material, 物質, 元素, 原料", hint=gettext_lazy("An element or a pre-alloy, such as Al or Al2Cu")),
        Column(**_mass("mass"), heading=gettext_lazy("Mass (g)"), aliases="weight, weighed mass, 質量, 秤量値, 重量", unit="g"),
        Column(**_mass("purity"), heading=gettext_lazy("Purity (%)"), aliases="純度", unit="%"),
        Column(**_mass("lot"), heading=gettext_lazy("Lot"), aliases="lot no, lot number, batch, ロット, ロット番号"),
    ),
)  # fmt: skip

WHAT_IS_WRONG = Column("wrong", gettext_lazy("What is wrong"), informs=True)
"""Stands beside rows that were left out, and is passed over when they come back."""

TABLES: Mapping[str, Table] = {table.name: table for table in (SAMPLES, SYNTHESIS, MASSES)}


@lru_cache(maxsize=50_000)
def read_cell(column: Column, text: str) -> Any:
    """``column.read``; the same few temperatures and gases stand in thousands of rows."""
    return column.read(text)
