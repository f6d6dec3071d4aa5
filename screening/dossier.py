"""Everything that is known about a sample, read for one page; the number of queries does not grow with its patterns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Prefetch
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from samples.comparison import ElementRow, compositions_by_element
from samples.models import Pattern, Reading, Sample
from samples.xrd.quoted_lattice import AGREEMENT
from screening.models import EvidenceFile, FollowUp, LatticeMeasurement, Outcome, Review, ScreeningResult
from screening.models.follow_ups import CALLS_WITH_A_LATTICE
from screening.print_figures import PredictedLines, evidence_svg, pattern_svg
from screening.sample_table import with_calls
from screening.timeline import Event, timeline
from screening.why import Why, argued_now

PARTS: dict[str, str | Promise] = {
    "patterns": gettext_lazy("patterns and calls"),
    "arguments": gettext_lazy("why each call was made"),
    "reviews": gettext_lazy("reviews"),
    "follow-ups": gettext_lazy("follow-ups and outcomes"),
    "files": gettext_lazy("images and files"),
    "history": gettext_lazy("what happened to it"),
    "comments": gettext_lazy("comments"),
}
"""What can be left out."""

MOST_FIGURES = 30
"""Patterns that are drawn; of further ones the page has everything but the figure."""


@dataclass(frozen=True, slots=True)
class PatternSheet:
    """One pattern with all that was said of it.

    calls: on its newest reading, the one to show first · earlier_calls: on readings that were corrected since
    """

    pattern: Pattern
    calls: Sequence[ScreeningResult]
    earlier_calls: Sequence[ScreeningResult]
    reviews: Sequence[Review]
    why: Why | None
    is_drawn: bool

    @property
    def reading(self) -> Reading | None:
        return self.pattern.current_reading

    @property
    def call(self) -> ScreeningResult | None:
        return next(iter(self.calls), None)

    @property
    def has_recorded_call(self) -> bool:
        """A call that was made elsewhere, on a measurement that is not here."""
        return any(not call.model_version.runnable for call in self.calls)

    @property
    def notes(self) -> list[str]:
        """What is written into each of its figures."""
        notes = [_("SIMULATED")] if self.pattern.simulated else []
        reading = self.reading
        if reading and reading.wavelength is None:
            notes.append(_("wavelength not known"))
        elif reading and reading.wavelength_assumed:
            notes.append(_("wavelength assumed"))
        return notes

    @property
    def predicted(self) -> ScreeningResult | None:
        """The call whose reflections are drawn."""
        return next((call for call in self.calls if has_lattice(call)), None)

    @property
    def figure(self) -> SafeString:
        """Empty where there is nothing to draw."""
        if not (self.is_drawn and self.reading):
            return SafeString()
        call, lines = self.predicted, None
        if call and call.quasilattice_constant:
            expected = self.why.content["lines"] if self.why and self.why.result == call else ()
            lines = PredictedLines(call.quasilattice_constant, "P" if call.lattice_type == "P" else "F", expected)
        says = _("Intensity of %(pattern)s against 2θ") % {"pattern": self.pattern}
        return pattern_svg(self.reading.as_pattern(), says=says, notes=self.notes, predicted=lines)

    @property
    def evidence_figure(self) -> SafeString:
        call = self.predicted
        evidence = call.evidence_values if call and self.is_drawn else None
        if evidence is None:
            return SafeString()
        says = _("Share of the evidence for each quasilattice constant, %(pattern)s") % {"pattern": self.pattern}
        return evidence_svg(evidence, says=says, notes=self.notes)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A measured a_R beside the one that a call predicted."""

    measurement: LatticeMeasurement
    call: ScreeningResult

    @property
    def difference(self) -> float:
        """Measured − predicted (Å)."""
        return self.measurement.quasilattice_constant - (self.call.quasilattice_constant or 0.0)

    @property
    def percent(self) -> float:
        """Of the predicted one."""
        return 100 * self.difference / (self.call.quasilattice_constant or 1.0)

    @property
    def agrees(self) -> bool:
        return abs(self.percent) <= 100 * AGREEMENT


@dataclass(frozen=True)
class Dossier:
    """What the page of a sample's dossier shows; ``parts``: of PARTS, those that were asked for."""

    sample: Sample
    parts: frozenset[str]
    compositions: Sequence[ElementRow]
    lineage: Sequence[Sample]
    pieces: Sequence[Sample]
    sheets: Sequence[PatternSheet]
    n_archived: int
    follow_ups: Sequence[FollowUp]
    events: Sequence[Event]

    @classmethod
    def of(cls, sample: Sample, parts: Iterable[str] = PARTS) -> Dossier:
        """``sample``: with its steps and weighed masses fetched along."""
        wanted = frozenset(parts)
        patterns = _patterns(sample)
        current = [pattern for pattern in patterns if pattern.archived_at is None]
        results = _results(sample, "arguments" in wanted)
        follow_ups = _follow_ups(sample)
        return cls(
            sample=sample,
            parts=wanted,
            compositions=compositions_by_element(sample),
            lineage=list(reversed(sample.ancestors())),
            pieces=list(with_calls(sample.pieces.current())),
            sheets=_sheets(current, results, _reviews(sample), "arguments" in wanted),
            n_archived=len(patterns) - len(current),
            follow_ups=follow_ups,
            events=timeline(sample, current, [r for r in results if r.reading.pattern in current], follow_ups),
        )

    @property
    def calls(self) -> list[ScreeningResult]:
        """The one to show of each pattern."""
        return [call for sheet in self.sheets if (call := sheet.call)]

    @property
    def best(self) -> ScreeningResult | None:
        classed = [call for call in self.calls if call.level]
        return min(classed, key=lambda call: (call.level, -(call.probability or 0.0)), default=None)

    @property
    def measurements(self) -> list[LatticeMeasurement]:
        return [row for follow_up in self.follow_ups for row in follow_up.lattice_measurements.all()]

    @property
    def comparisons(self) -> list[Comparison]:
        predictions = [call for sheet in self.sheets if (call := sheet.predicted)]
        return [Comparison(measurement, call) for measurement in self.measurements for call in predictions]

    @cached_property
    def amended(self) -> set[int]:
        """Numbers of outcomes that a further entry took the place of."""
        return {outcome.amends.number for outcome in self._outcomes() if outcome.amends}

    @property
    def outcome(self) -> Outcome | None:
        """The one that answers for the sample: overall, standing, and of several the newest."""
        standing = (entry for entry in self._outcomes() if not entry.technique and entry.number not in self.amended)
        return max(standing, key=lambda entry: entry.number, default=None)

    @property
    def is_long(self) -> bool:
        return len(self.sheets) + len(self.follow_ups) > 2

    @property
    def gaps(self) -> list[str]:
        """What is not known, a sentence each."""
        return [*self._gaps_of_sample(), *self._gaps_of_patterns(), *self._gaps_of_evidence()]

    def _outcomes(self) -> Iterator[Outcome]:
        return (outcome for follow_up in self.follow_ups for outcome in follow_up.outcomes.all())

    def _gaps_of_sample(self) -> Iterator[str]:
        if not self.sample.steps.all():
            yield _("No synthesis step is noted.")
        if not self.sample.measured:
            yield _("The composition was not measured; the nominal one is what was meant.")
        if not self.sheets:
            yield _("No powder pattern is attached.")
        if self.n_archived:
            yield ngettext(
                "%(n)s archived pattern is not in this dossier.",
                "%(n)s archived patterns are not in this dossier.",
                self.n_archived,
            ) % {"n": self.n_archived}

    def _gaps_of_patterns(self) -> Iterator[str]:
        for sheet in self.sheets:
            said = {"pattern": sheet.pattern}
            if sheet.pattern.simulated:
                yield _("%(pattern)s is simulated: it was computed, not measured.") % said
            if sheet.reading and sheet.reading.wavelength is None:
                yield _("%(pattern)s: the wavelength is not known.") % said
            elif sheet.reading and sheet.reading.wavelength_assumed:
                yield _("%(pattern)s: the wavelength is assumed; the file does not say it.") % said
            if sheet.pattern.kind == Pattern.Kind.MEASUREMENT and not any(call.level for call in sheet.calls):
                yield _("%(pattern)s has no class.") % said
            elif sheet.call and sheet.call.level and not sheet.reviews:
                yield _("%(pattern)s: no person has judged the call.") % said

    def _gaps_of_evidence(self) -> Iterator[str]:
        if not self.follow_ups:
            yield _("No follow-up was opened: nobody has looked at it with a microscope here.")
        elif self.outcome is None:
            yield _("No overall outcome is signed.")
        if self.follow_ups and not self.measurements:
            yield _("No lattice length was measured.")


def has_lattice(call: ScreeningResult) -> bool:
    """In class D the a_R of a call is no prediction."""
    return bool(call.quasilattice_constant) and call.level in CALLS_WITH_A_LATTICE


def _patterns(sample: Sample) -> list[Pattern]:
    """In the order in which they came, with every reading; the newest one with its numbers."""
    newest = Reading.objects.current().select_related("arrays", "made_by", "blank__pattern")
    every = Reading.objects.select_related("made_by").defer("metadata").order_by("number")
    rows = sample.patterns.select_related("file", "uploaded_by").order_by("pk")
    fetched = (
        Prefetch("readings", newest, to_attr="current_readings"),
        Prefetch("readings", every, to_attr="all_readings"),
    )
    return list(rows.prefetch_related(*fetched))


def _results(sample: Sample, with_arguments: bool) -> list[ScreeningResult]:
    """Every call on every reading, those to show first in front."""
    rows = ScreeningResult.objects.of_the_lab().filter(reading__pattern__sample=sample)
    related = ("reading__pattern", "model_version", *(("argument",) if with_arguments else ()))
    fetched = rows.select_related(*related).defer("model_version__config")
    return sorted(fetched, key=ScreeningResult.precedence, reverse=True)


def _reviews(sample: Sample) -> list[Review]:
    rows = Review.objects.filter(result__reading__pattern__sample=sample)
    related = rows.select_related("signer", "withdraws", "result__reading", "result__model_version")
    return list(related.defer("result__evidence", "result__model_version__config").order_by("number"))


def _follow_ups(sample: Sample) -> list[FollowUp]:
    files = Prefetch("files", EvidenceFile.objects.select_related("added_by"))
    outcomes = Prefetch("outcomes", Outcome.objects.select_related("signer", "amends").order_by("number"))
    rows = FollowUp.objects.filter(sample=sample).with_outcome().order_by("pk")
    related = rows.select_related("assigned_to", "opened_by", "prompted_by__reading__pattern")
    return list(
        related.defer("prompted_by__evidence").prefetch_related("phases", "lattice_measurements", files, outcomes)
    )


def _sheets(
    patterns: Sequence[Pattern], results: Iterable[ScreeningResult], reviews: Iterable[Review], with_arguments: bool
) -> list[PatternSheet]:
    calls, said = defaultdict(list), defaultdict(list)
    for result in results:
        calls[result.reading.pattern_id].append(result)
    for review in reviews:
        said[review.result.reading.pattern_id].append(review)
    return [
        PatternSheet(
            pattern=pattern,
            calls=(now := [row for row in calls[pattern.pk] if row.reading == pattern.current_reading]),
            earlier_calls=[row for row in calls[pattern.pk] if row not in now],
            reviews=said[pattern.pk],
            why=_first_argument(now) if with_arguments else None,
            is_drawn=n < MOST_FIGURES,
        )
        for n, pattern in enumerate(patterns)
    ]


def _first_argument(calls: Iterable[ScreeningResult]) -> Why | None:
    argued = ((call, call.argument.content if hasattr(call, "argument") else argued_now(call)) for call in calls)
    return next((Why(call, content) for call, content in argued if call.level and content), None)
