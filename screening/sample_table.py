"""The table of samples with the calls on their patterns: what is asked of it stands in the address of the page."""

from __future__ import annotations

from typing import Any, NamedTuple

from django import forms
from django.core.paginator import Page, Paginator
from django.db.models import Count, F, IntegerField, Max, Min, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Greatest
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from mlmodels.models import ModelVersion
from samples.fields import StyledBoundField
from samples.models import AlloySystem, Pattern, Reading, Sample
from screening.models import ScreeningResult

ROWS_A_PAGE = 50


class Column(NamedTuple):
    """name in the address, heading, the field or fact that it sorts by; `numeric` columns stand right."""

    name: str
    heading: str | Promise
    field: str = ""
    numeric: bool = False


COLUMNS = (
    Column("code", _("Code"), "code"),
    Column("composition", _("Composition (at.%)")),
    Column("system", _("System"), "system__name"),
    Column("class", _("Best class"), "best_probability"),
    Column("patterns", _("Patterns"), "n_patterns", numeric=True),
    Column("place", _("Place"), "place"),
    Column("logged", _("Logged"), "made_at"),
    Column("activity", _("Last activity"), "last_activity"),
)
NEWEST_FIRST = "-logged"


def _facts() -> dict[str, Any]:
    """What is asked about each sample beyond its row: its patterns, and their best call by the version in production."""
    patterns = Pattern.objects.current().filter(sample=OuterRef("pk")).order_by().values("sample")
    measured = (
        Reading.objects.current()
        .filter(
            pattern__sample=OuterRef("pk"), pattern__kind=Pattern.Kind.MEASUREMENT, pattern__archived_at__isnull=True
        )
        .order_by()
        .values("pattern__sample")
    )
    # A filter of the aggregate, not of the rows: SQLite then starts from the sample, not from all calls of the version.
    counting = Q(results__state=ScreeningResult.State.DONE, results__model_version__state=ModelVersion.State.PRODUCTION)
    return {
        "n_patterns": Coalesce(
            Subquery(patterns.annotate(n=Count("pk")).values("n"), output_field=IntegerField()), Value(0)
        ),
        "best_level": Subquery(measured.annotate(best=Min("results__level", filter=counting)).values("best")),
        "best_probability": Subquery(
            measured.annotate(best=Max("results__probability", filter=counting)).values("best")
        ),
        "last_activity": Greatest(
            "changed_at",
            Coalesce(Subquery(patterns.annotate(last=Max("uploaded_at")).values("last")), "changed_at"),
        ),
    }


def with_calls(samples: QuerySet[Sample]) -> QuerySet[Sample]:
    """Each sample with `n_patterns`, `best_level` and `best_probability`, and `last_activity`."""
    return samples.annotate(**_facts())


class SampleFilterForm(forms.Form):
    """What is asked of the table; every field may be empty."""

    bound_field_class = StyledBoundField

    q = forms.CharField(
        label=_("Text"),
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Code, composition, place, notes")}),
    )
    system = forms.ChoiceField(label=_("System"), required=False)
    element = forms.ChoiceField(label=_("With"), required=False)
    level = forms.ChoiceField(
        label=_("Best class"), required=False, choices=[("", _("any")), *ScreeningResult.Level.choices]
    )
    kind = forms.ChoiceField(
        label=_("Kind"),
        required=False,
        choices=[("", _("all")), ("real", _("real")), ("simulated", _("simulated"))],
    )
    left = forms.ChoiceField(
        label=_("Material"),
        required=False,
        choices=[("", _("all")), ("left", _("some left")), ("used-up", _("used up"))],
    )
    archived = forms.ChoiceField(
        label=_("Shown"), required=False, choices=[("", _("current")), ("archived", _("archived"))]
    )

    def __init__(self, asked: QueryDict) -> None:
        super().__init__(asked)
        systems = list(AlloySystem.objects.all())
        elements = sorted({symbol for system in systems for symbol in system.elements})
        self._choose("system", [("", _("any")), *((system.key, system.name) for system in systems)])
        self._choose("element", [("", _("any element")), *((symbol, symbol) for symbol in elements)])

    def _choose(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def samples(self) -> QuerySet[Sample]:
        """The samples that answer; what cannot be understood in the address is not asked, and said beside its field."""
        self.is_valid()
        asked = self.cleaned_data
        samples = Sample.objects.archived() if asked.get("archived") else Sample.objects.current()
        samples = samples.matching(asked.get("q", ""))
        if asked.get("system"):
            samples = samples.filter(system__key=asked["system"])
        if asked.get("element"):
            samples = samples.with_element(asked["element"])
        if asked.get("kind"):
            samples = samples.filter(simulated=asked["kind"] == "simulated")
        if asked.get("left"):
            samples = samples.filter(used_up=asked["left"] == "used-up")
        if asked.get("level"):
            samples = samples.alias(best_level=_facts()["best_level"]).filter(Q(best_level=asked["level"]))
        return samples

    @property
    def is_asking(self) -> bool:
        return any(self.cleaned_data.values())


class Heading(NamedTuple):
    """A column's heading with the address that sorts by it, and how it is sorted now ("" for not)."""

    column: Column
    address: str
    direction: str


class SampleTable:
    """One page of samples, sorted and paged as the address asks; the facts are asked about its rows alone."""

    def __init__(self, samples: QuerySet[Sample], asked: QueryDict) -> None:
        self._asked = asked
        self.sort = asked.get("sort", NEWEST_FIRST)
        fields = {column.name: column.field for column in COLUMNS if column.field}
        if self.sort.removeprefix("-") not in fields:
            self.sort = NEWEST_FIRST
        field = fields[self.sort.removeprefix("-")]
        facts = _facts()
        if field in facts:
            samples = samples.alias(**{field: facts[field]})
        order: Any = F(field).desc() if self.sort.startswith("-") else F(field).asc()
        if field == "best_probability":
            order.nulls_last = True
        keys = samples.order_by(order, "-pk").values_list("pk", flat=True)
        self.page: Page[int] = Paginator(keys, ROWS_A_PAGE).get_page(asked.get("page"))
        shown = list(self.page)
        rows = with_calls(Sample.objects.filter(pk__in=shown)).select_related("system")
        self.rows = sorted(rows, key=lambda sample: shown.index(sample.pk))

    @property
    def headings(self) -> list[Heading]:
        return [self._heading(column) for column in COLUMNS]

    def _heading(self, column: Column) -> Heading:
        if not column.field:
            return Heading(column, "", "")
        direction = {column.name: "ascending", f"-{column.name}": "descending"}.get(self.sort, "")
        best_first = column.name in {"class", "patterns", "logged", "activity"}
        down = direction == "ascending" or (not direction and best_first)
        return Heading(column, self._address(sort=f"-{column.name}" if down else column.name), direction)

    @property
    def previous_address(self) -> str:
        return self._address(page=str(self.page.previous_page_number())) if self.page.has_previous() else ""

    @property
    def next_address(self) -> str:
        return self._address(page=str(self.page.next_page_number())) if self.page.has_next() else ""

    def _address(self, **changed: str) -> str:
        """This page's address with something else asked; another order begins on the first page."""
        asked = self._asked.copy()
        asked.pop("page", None)
        for name, value in changed.items():
            asked[name] = value
        return f"?{asked.urlencode()}"
