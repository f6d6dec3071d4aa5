"""Acts: what one person changes at once becomes one entry of history for each thing, written with the change itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser
from django.db import models, transaction

from samples.models.changes import WHY_LENGTH, Change, label_of
from samples.requests import person_who_asks

if TYPE_CHECKING:
    from samples.models.traced import TracedModel

Values = dict[str, Any]
"""Name of a field → its value as history keeps it."""

AT_ONCE = 1000

_now: ContextVar[Act | None] = ContextVar("act", default=None)


@contextmanager
def changes_by(person: AbstractBaseUser | None, why: str = "") -> Iterator[Act]:
    """All that is written within is one act of ``person``, whole or not at all; within a greater act, a part of that.

    What raises is forgotten with all that it noted: whoever goes on after an error begins the part that may fail so.
    """
    with transaction.atomic(), _begun(Act(person.pk if person else None, why.strip()[:WHY_LENGTH])) as act:
        yield act


@contextmanager
def joined_act() -> Iterator[Act]:
    """The act that goes on; where none does, one of who asks for the page, if anybody."""
    with transaction.atomic(savepoint=False), _begun(Act()) as act:
        yield act


def remember(rows: Iterable[TracedModel]) -> None:
    """These are as the database has them now: what is noted of them need not be looked up again."""
    act = _now.get()
    if act is not None:
        act.known |= {(label_of(type(row)), row.pk): values_of(row, traced_fields(type(row))) for row in rows}


@contextmanager
def _begun(act: Act) -> Iterator[Act]:
    outer = _now.get()
    if outer is not None:
        act.known = outer.known
    token = _now.set(act)
    try:
        yield act
    except BaseException:
        act.known.clear()  # rolled back
        raise
    finally:
        _now.reset(token)
    if outer is not None:
        outer.take_over(act)
    else:
        act.write()


@dataclass(slots=True)
class RowChange:
    """One row of one thing, before and after."""

    row: type[TracedModel]
    pk: int
    what: str
    name: str
    thing: str
    thing_id: int
    fields: dict[str, list[Any]]

    def as_json(self) -> dict[str, Any]:
        said = {"row": label_of(self.row), "id": self.pk, "what": self.what, "fields": self.fields}
        return {**said, "name": self.name} if self.name else said

    def then(self, later: RowChange) -> RowChange | None:
        """Both as one; None where nothing is left of them."""
        fields = {name: list(pair) for name, pair in self.fields.items()}
        for name, (before, after) in later.fields.items():
            fields[name] = [fields[name][0] if name in fields else before, after]
        fields = {name: pair for name, pair in fields.items() if pair[0] != pair[1]}
        what = "made" if self.what == "made" else later.what
        if (self.what == "made" and later.what == "removed") or (what == "changed" and not fields):
            return None
        return RowChange(self.row, self.pk, what, later.name or self.name, self.thing, self.thing_id, fields)


@dataclass(slots=True)
class Act:
    """What was noted since it began."""

    by_id: int | None = None
    why: str = ""
    rows: dict[tuple[str, int], RowChange] = field(default_factory=dict)
    known: dict[tuple[str, int], Values] = field(default_factory=dict)

    def before(self, model: type[TracedModel], pk: int | None) -> Values | None:
        """The traced fields of a row as the database has them; None where it is not there yet."""
        if pk is None:
            return None
        known = self.known.pop((label_of(model), pk), None)
        if known is not None:
            return known
        row = model._base_manager.filter(pk=pk).only(*names_read(model)).first()
        return values_of(row, traced_fields(model)) if row else None

    def note(self, row: TracedModel, before: Values | None, after: Values | None) -> None:
        """``row`` was made (nothing before), removed (nothing after), or changed where the two differ."""
        model = type(row)
        if after is not None:
            self.known[label_of(model), row.pk] = {**(before or {}), **after}
        fields = {
            name: [(before or {}).get(name), (after or {}).get(name)]
            for name in (after if after is not None else before or {})
        }
        if before is None or after is None:
            fields = {name: pair for name, pair in fields.items() if any(value not in EMPTY for value in pair)}
        else:
            fields = {name: pair for name, pair in fields.items() if pair[0] != pair[1]}
            if not fields:
                return
        what = "made" if before is None else "removed" if after is None else "changed"
        thing, thing_id = row.thing_of_history()
        name = str(getattr(row, model.named_by)) if model.named_by else ""
        self._add(RowChange(model, row.pk, what, name, thing, thing_id, fields))

    def note_field(self, row: TracedModel, name: str, before: Any, after: Any) -> None:
        """What is no column of ``row``, such as the roles of a person."""
        thing, thing_id = row.thing_of_history()
        if before != after:
            self._add(RowChange(type(row), row.pk, "changed", "", thing, thing_id, {name: [before, after]}))

    def take_over(self, part: Act) -> None:
        self.why = self.why or part.why
        self.by_id = self.by_id or part.by_id
        for change in part.rows.values():
            self._add(change)

    def _add(self, change: RowChange) -> None:
        key = label_of(change.row), change.pk
        both = self.rows.pop(key).then(change) if key in self.rows else change
        if both is not None:
            self.rows[key] = both

    def write(self) -> None:
        if not self.rows:
            return
        person = person_who_asks()
        by_id = self.by_id or (person.pk if person else None)
        of_things: dict[tuple[str, int], list[RowChange]] = defaultdict(list)
        for change in self.rows.values():
            of_things[change.thing, change.thing_id].append(change)
        samples = _samples_of(of_things)
        Change.objects.bulk_create(
            [
                Change(
                    thing=thing,
                    thing_id=pk,
                    sample_id=samples.get((thing, pk)),
                    rows=[change.as_json() for change in sorted(changes, key=lambda row: label_of(row.row) != thing)],
                    by_id=by_id,
                    why=self.why,
                )
                for (thing, pk), changes in of_things.items()
            ],
            batch_size=AT_ONCE,
        )


EMPTY: tuple[Any, ...] = (None, "", False, [], {})


def _samples_of(things: Mapping[tuple[str, int], list[RowChange]]) -> dict[tuple[str, int], int | None]:
    """The sample that each thing is told with: itself, the one that it left, or the one that it hangs on."""
    found: dict[tuple[str, int], int | None] = {}
    asked: dict[str, list[int]] = defaultdict(list)
    for (thing, pk), changes in things.items():
        own = next((change for change in changes if label_of(change.row) == thing), None)
        if thing == "samples.sample":
            found[thing, pk] = pk
        elif own and "sample" in own.fields:
            before, after = own.fields["sample"]
            found[thing, pk] = before or after
        elif (own is None or own.what != "made") and _hangs_on_a_sample(thing):
            asked[thing].append(pk)
    for thing, pks in asked.items():
        rows = apps.get_model(thing)._base_manager.filter(pk__in=pks).values_list("pk", "sample")
        found |= {(thing, pk): sample for pk, sample in rows}
    return found


@cache
def _hangs_on_a_sample(thing: str) -> bool:
    return any(known.name == "sample" for known in apps.get_model(thing)._meta.concrete_fields)


@cache
def traced_fields(model: type[TracedModel]) -> tuple[models.Field[Any, Any], ...]:
    left_out = {*model.untraced, model.part_of}
    return tuple(known for known in model._meta.concrete_fields if not known.primary_key and known.name not in left_out)


@cache
def names_read(model: type[TracedModel]) -> tuple[str, ...]:
    """What has to be read of a row to note a change of it."""
    names = [known.name for known in traced_fields(model)]
    return (*names, *(name for name in (model.part_of, model.named_by) if name and name not in names))


def values_of(row: models.Model, fields: Iterable[models.Field[Any, Any]]) -> Values:
    return {known.name: plain_value(known, known.value_from_object(row)) for known in fields}


def plain_value(known: models.Field[Any, Any], value: Any) -> Any:
    """As JSON keeps it: ids, texts, days and moments in ISO form, exact numbers as text without zeros at the end."""
    value = known.get_prep_value(known.to_python(value))
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value
