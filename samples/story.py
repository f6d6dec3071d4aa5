"""The history of one thing as people read it: changes and signed entries, newest first, nothing of what they may not see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import F, QuerySet, Value
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from samples.composition import CompositionError, parse_composition
from samples.models import Change, SignedEntry
from samples.models.changes import ChangeQuerySet

COMPOSITIONS = {"composition_text", "measured_text"}
NOTHING = "–"

Thing = tuple[str, int]
"""Kind, as "samples.sample", and id."""


@dataclass(frozen=True, slots=True)
class Line:
    """One field; part: of which row, "" the thing itself · what: whether that row came or went, in words."""

    part: str
    what: str
    name: str
    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One change or signature; thing and address: of what, where that is not what the page is about."""

    when: datetime
    who: str
    what: str
    thing: str
    address: str
    why: str
    lines: tuple[Line, ...] = ()
    number: int | None = None
    sha256: str = ""


@dataclass(frozen=True)
class Story:
    """changes: those to tell · signed: entries to tell between them, by the name of their kind · about: what the page is about"""

    reader: AbstractBaseUser
    about: Thing
    changes: ChangeQuerySet
    signed: Mapping[str, QuerySet[Any]] = field(default_factory=dict)

    def moments(self) -> QuerySet[Any, Any]:
        """(moment, source, id) of each entry, newest first: what a paginator cuts into pages."""
        parts = [self.changes.order_by().annotate(when=F("at"), source=Value("")).values_list("when", "source", "pk")]
        for name, entries in self.signed.items():
            dated = entries.order_by().annotate(when=F("signed_at"), source=Value(name))
            parts.append(dated.values_list("when", "source", "pk"))
        return parts[0].union(*parts[1:], all=True).order_by("-when", "source", "-pk")

    def tell(self, moments: Iterable[tuple[datetime, str, int]]) -> list[Entry]:
        """These moments as entries, in their order."""
        ids: dict[str, list[int]] = defaultdict(list)
        moments = list(moments)
        for _when, source, pk in moments:
            ids[source].append(pk)
        changes = Change.objects.select_related("by").in_bulk(ids.pop("", []))
        names = Names(self.reader, changes.values())
        told: dict[tuple[str, int], Entry] = {("", pk): self._of_change(row, names) for pk, row in changes.items()}
        for source, pks in ids.items():
            signed = self.signed[source].select_related("signer").in_bulk(pks)
            told |= {(source, pk): _of_signed(entry) for pk, entry in signed.items()}
        return [told[source, pk] for _when, source, pk in moments]

    def _of_change(self, change: Change, names: Names) -> Entry:
        thing = change.thing, change.thing_id
        is_own = thing == self.about
        who = str(change.by) if change.by else _("the lab itself")
        if not is_own and thing not in names.known:
            return Entry(change.at, who, _("Something was changed that you may not see."), thing="", address="", why="")
        return Entry(
            change.at,
            who,
            _headline(change),
            thing="" if is_own else names.of(*thing),
            address="" if is_own else names.addresses.get(thing, ""),
            why=change.why,
            lines=tuple(line for row in change.rows for line in _lines(row, change, names)),
        )


class Names:
    """What the ids in some changes stand for, of all that ``reader`` may see; one query for each kind of thing."""

    def __init__(self, reader: AbstractBaseUser, changes: Collection[Change]) -> None:
        self.known: dict[Thing, str] = {}
        self.addresses: dict[Thing, str] = {}
        asked: dict[str, set[int]] = defaultdict(set)
        for change in changes:
            asked[change.thing].add(change.thing_id)
            for row in change.rows:
                for name, pair in row["fields"].items():
                    known = _field(row["row"], name)
                    if isinstance(known, models.ForeignKey):
                        asked[known.related_model._meta.label_lower] |= {pk for pk in pair if pk is not None}
        things = {change.thing for change in changes}
        for kind, pks in asked.items():
            self._find(reader, kind, pks, with_address=kind in things)

    def of(self, kind: str, pk: int) -> str:
        return self.known.get((kind, pk)) or _("(you may not see it)")

    def _find(self, reader: AbstractBaseUser, kind: str, pks: set[int], *, with_address: bool) -> None:
        rows: Any = apps.get_model(kind)._default_manager.filter(pk__in=pks)
        if hasattr(rows, "visible_to"):
            rows = rows.visible_to(reader)
        for row in rows:
            thing = kind, row.pk
            self.known[thing] = getattr(row, "name_in_history", "") or str(row)
            if with_address and hasattr(row, "get_absolute_url"):
                self.addresses[thing] = row.get_absolute_url()


def _of_signed(entry: SignedEntry) -> Entry:
    return Entry(
        when=entry.signed_at,
        who=str(entry.signer) if entry.signer else _("the lab itself"),
        what=entry.headline,
        thing="",
        address="",
        why=entry.reason,
        number=entry.number,
        sha256=entry.sha256,
    )


def _headline(change: Change) -> str:
    own = change.own_row
    if own is None:
        return _("Changed")
    if own["what"] == "made":
        return _("Entered")
    if own["what"] == "removed":
        return _("Removed")
    fields: dict[str, Sequence[Any]] = own["fields"]
    if "archived_at" in fields:
        return _("Archived") if fields["archived_at"][1] else _("Restored from the archive")
    if change.thing == "samples.pattern" and "sample" in fields:
        return _("Moved")
    return _("Changed")


def _lines(row: Mapping[str, Any], change: Change, names: Names) -> Iterable[Line]:
    is_own = row["row"] == change.thing and row["id"] == change.thing_id
    part = "" if is_own else _part(row)
    what = "" if is_own else {"made": _("added"), "removed": _("removed")}.get(row["what"], "")
    if not row["fields"] and not is_own:
        yield Line(part, what, "", "", "", "")
    for name, (before, after) in _in_order(row):
        known = _field(row["row"], name)
        label = LABELS[name]() if name in LABELS else name
        if known is not None:
            label = str(known.verbose_name)
        yield Line(part, what, name, capfirst(label), _shown(known, before, names), _shown(known, after, names))


def _in_order(row: Mapping[str, Any]) -> list[tuple[str, list[Any]]]:
    """The fields as the form has them: PostgreSQL keeps none."""
    try:
        names = [known.name for known in apps.get_model(row["row"])._meta.concrete_fields]
    except LookupError:
        names = []
    fields: dict[str, list[Any]] = row["fields"]
    return sorted(fields.items(), key=lambda item: names.index(item[0]) if item[0] in names else len(names))


LABELS = {"roles": lambda: _("roles"), "samples": lambda: _("samples"), "noted": lambda: _("noted")}
"""Of what is no column."""


def _part(row: Mapping[str, Any]) -> str:
    try:
        kind = capfirst(str(apps.get_model(row["row"])._meta.verbose_name))
    except LookupError:  # of a kind that this release does not have any more
        kind = row["row"]
    return f"{kind} {row['name']}" if row.get("name") else kind


def _field(kind: str, name: str) -> models.Field[Any, Any] | None:
    """None for what is no column, or is none any more."""
    try:
        known = apps.get_model(kind)._meta.get_field(name)
    except (LookupError, FieldDoesNotExist):
        return None
    return known if isinstance(known, models.Field) else None


def _shown(known: models.Field[Any, Any] | None, value: Any, names: Names) -> str:
    """A value as a page writes it."""
    if value in (None, "", []):
        return NOTHING
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(known, models.ForeignKey):
        return names.of(known.related_model._meta.label_lower, value)
    if known is None:
        return str(value)
    if known.flatchoices:
        return str(dict(known.flatchoices).get(value, value))
    if isinstance(known, models.DateTimeField):
        moment = parse_datetime(value)
        return date_format(timezone.localtime(moment), "Y-m-d H:i") if moment else str(value)
    if known.name in COMPOSITIONS:
        return _composition(value)
    return str(value)


def _composition(text: str) -> str:
    """With subscripts, where it is a formula; else as it was typed."""
    try:
        return parse_composition(text).pretty()
    except CompositionError:
        return text
