"""What a data set is asked for: the parts that make its question, as they are stored, filtered by and said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from samples.models import AlloySystem, Pattern, Reading
from samples.models.patterns import PatternQuerySet
from screening.models import ScreeningResult, Technique


@dataclass(frozen=True, slots=True)
class Question:
    """Where labels come from, and which patterns are looked at; what is empty asks for nothing, or for all.

    outcomes: patterns whose sample has a signed overall outcome
    techniques: where nothing overall is signed, what these techniques signed, if they agree
    readings: calls of the classes `levels` that this many people or more judged "not a quasicrystal"; 0 for none
    simulated: simulated patterns too
    systems, projects: keys; radiations: names, as "Cu Kα1"; model_version: name, of a version that has called the pattern
    received_from, received_to: day of the upload
    """

    outcomes: bool = True
    techniques: tuple[str, ...] = ()
    readings: int = 0
    levels: tuple[str, ...] = ("D",)
    simulated: bool = False
    systems: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    radiations: tuple[str, ...] = ()
    model_version: str = ""
    received_from: date | None = None
    received_to: date | None = None

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> Question:
        """Of what `as_json` stored; names that this release does not know are passed over."""
        asked: dict[str, Any] = {}
        for field in fields(cls):
            if field.name in stored:
                value = stored[field.name]
                if field.name.startswith("received_"):
                    value = parse_date(value) if value else None
                asked[field.name] = tuple(value) if isinstance(value, list) else value
        return cls(**asked)

    def as_json(self) -> dict[str, Any]:
        plain = asdict(self)
        for name, value in plain.items():
            if isinstance(value, tuple):
                plain[name] = list(value)
            elif isinstance(value, date):
                plain[name] = value.isoformat()
        return plain

    def patterns(self, by: User) -> PatternQuerySet:
        """The patterns that are looked at, archived ones and all, of those that ``by`` may see."""
        patterns = Pattern.objects.visible_to(by)
        if self.systems:
            patterns = patterns.filter(sample__system__key__in=self.systems)
        if self.projects:
            patterns = patterns.filter(sample__project__key__in=self.projects)
        if self.received_from:
            patterns = patterns.filter(uploaded_at__date__gte=self.received_from)
        if self.received_to:
            patterns = patterns.filter(uploaded_at__date__lte=self.received_to)
        if self.radiations:
            patterns = patterns.filter(
                Exists(Reading.objects.filter(pattern=OuterRef("pk"), radiation__in=self.radiations))
            )
        if self.model_version:
            calls = ScreeningResult.objects.done().filter(model_version__name=self.model_version)
            patterns = patterns.filter(Exists(calls.filter(reading__pattern=OuterRef("pk"))))
        return patterns

    def said(self) -> Iterator[str]:
        """In words: where labels come from, then what is looked at."""
        if self.outcomes:
            yield _("all with a signed overall outcome")
        if self.techniques:
            names = ", ".join(str(Technique(one).label) for one in self.techniques)
            yield _("where none is signed, outcomes by %(techniques)s") % {"techniques": names}
        if self.readings:
            yield ngettext(
                "calls of class %(levels)s with %(n)s reading or more “not a quasicrystal”",
                "calls of class %(levels)s with %(n)s readings or more “not a quasicrystal”",
                self.readings,
            ) % {"levels": ", ".join(self.levels), "n": self.readings}
        if self.simulated:
            yield _("simulated patterns too")
        if self.systems:
            names = ", ".join(AlloySystem.objects.filter(key__in=self.systems).values_list("name", flat=True))
            yield _("only of %(systems)s") % {"systems": names}
        if self.projects:
            yield _("only of the projects %(projects)s") % {"projects": ", ".join(self.projects)}
        if self.radiations:
            yield _("only measured with %(radiations)s") % {"radiations": ", ".join(self.radiations)}
        if self.model_version:
            yield _("only what %(version)s has called") % {"version": self.model_version}
        if self.received_from or self.received_to:
            days = {"first": self.received_from or "…", "last": self.received_to or "…"}
            yield _("only what came in from %(first)s to %(last)s") % days
