"""Drift: are the patterns that come in still like those that the network was trained on?  Month by month, with warnings in words.

What is asked is one-sided: a share of patterns that training hardly had.  A lab that measures only with Cu is no drift, as
the network knows Cu well; a month in which a third is measured with Mo is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from django.db.models import Case, Count, F, Q, Value, When
from django.db.models.functions import Mod
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from numpy.typing import NDArray

from mlmodels.models import ModelVersion
from samples.models import Pattern, Viewer, hidden_from
from screening.models import ScreeningResult
from screening.models.follow_ups import CALLS_WITH_A_LATTICE
from screening.models.results import ScreeningResultQuerySet
from screening.proportions import wilson

MONTHS = 12
MOST_A_MONTH = 2_000
"""Patterns of a month that are looked at; of more, every second, third and so on."""
FEWEST = 20
"""Patterns of a month below which nothing is said of it."""
EXCESS = 0.05
"""A share speaks where the lower end of its 95 % interval lies so much above that of training."""
RARE = 0.20
"""Radiations that training saw in more patterns than this are known well, however many come in."""
OTHER = "other"
"""As `mlmodels/net/seen.py` names the radiation that no laboratory anode has."""

LEVELS = tuple(ScreeningResult.Level.values)


class Measure(NamedTuple):
    """A quantity that is compared with its range in training; `sides`: the ends beyond which the network is on new ground."""

    key: str
    name: Promise
    unit: str
    sides: Mapping[str, Promise]


MEASURES = (
    Measure(
        "coverage",
        gettext_lazy("share of the network's range that was measured"),
        "",
        {
            "low": gettext_lazy(
                "%(share)s of the patterns of %(month)s cover less of the network's range than 99 %% of what it was trained on. Measure a"
                " wider range."
            )
        },
    ),
    Measure(
        "step",
        gettext_lazy("step of 2θ"),
        "°",
        {
            "high": gettext_lazy(
                "%(share)s of the patterns of %(month)s have wider steps than 99 %% of what the network was trained on. Measure with finer"
                " steps."
            )
        },
    ),
    Measure(
        "noise",
        gettext_lazy("noise, as a share of the highest point"),
        "",
        {
            "high": gettext_lazy(
                "%(share)s of the patterns of %(month)s are noisier than 99 %% of what the network was trained on: weak lines are lost."
                " Count longer."
            ),
            "low": gettext_lazy(
                "%(share)s of the patterns of %(month)s have less noise than 99 %% of what the network was trained on. Were they smoothed?"
            ),
        },
    ),
)


class Outside(NamedTuple):
    """How many of a month's patterns lie beyond one end of the range of training, with the 95 % interval of their share."""

    measure: Measure
    side: str
    n_outside: int
    n: int

    @property
    def share(self) -> float:
        return self.n_outside / self.n

    @property
    def speaks(self) -> bool:
        return self.n >= FEWEST and wilson(self.share, self.n)[0] > 0.01 + EXCESS


@dataclass(frozen=True, slots=True)
class Columns:
    """Patterns of one month, shape (n,) each; NaN for noise and coverage that were not measured."""

    level: NDArray[np.str_]
    probability: NDArray[np.float64]
    radiation: NDArray[np.str_]
    two_theta_first: NDArray[np.float64]
    two_theta_last: NDArray[np.float64]
    step: NDArray[np.float64]
    coverage: NDArray[np.float64]
    noise: NDArray[np.float64]

    def of(self, key: str) -> NDArray[np.float64]:
        values: NDArray[np.float64] = getattr(self, key)
        return values[~np.isnan(values)]


class Month:
    """The patterns that came in within one month: how many, those that were looked at, and what is to be said of them."""

    def __init__(self, first_day: date, n: int, columns: Columns, seen: Mapping[str, Any]) -> None:
        self.first_day, self.n, self.columns, self.seen = first_day, n, columns, seen

    def __str__(self) -> str:
        return formats.date_format(self.first_day, "YEAR_MONTH_FORMAT")

    @property
    def n_looked_at(self) -> int:
        return int(self.columns.level.size)

    @property
    def speaks(self) -> bool:
        return self.n_looked_at >= FEWEST

    @cached_property
    def levels(self) -> dict[str, int]:
        return {level: int((self.columns.level == level).sum()) for level in LEVELS}

    @property
    def share_called(self) -> float:
        """Class A to C."""
        return sum(self.levels[level] for level in CALLS_WITH_A_LATTICE) / max(self.n_looked_at, 1)

    @cached_property
    def radiations(self) -> dict[str, int]:
        """The most used first."""
        names, counts = np.unique(self.columns.radiation, return_counts=True)
        return dict(sorted(zip(names.tolist(), counts.tolist(), strict=True), key=lambda one: -one[1]))

    @property
    def range(self) -> tuple[float, float] | None:
        """First and last 2θ (degree), the median of each."""
        if not self.n_looked_at:
            return None
        return float(np.median(self.columns.two_theta_first)), float(np.median(self.columns.two_theta_last))

    def quantile(self, key: str, q: float) -> float | None:
        values = self.columns.of(key)
        return float(np.quantile(values, q)) if values.size else None

    @property
    def medians(self) -> list[float | None]:
        """Of MEASURES."""
        return [self.quantile(measure.key, 0.5) for measure in MEASURES]

    @property
    def median_p(self) -> float | None:
        return self.quantile("probability", 0.5)

    @property
    def high_p(self) -> float | None:
        return self.quantile("probability", 0.95)

    @cached_property
    def outside(self) -> list[Outside]:
        """For each measure and side that the training tells of."""
        found = []
        for measure in MEASURES:
            known, values = self.seen.get(measure.key), self.columns.of(measure.key)
            if not known or not values.size:
                continue
            for side in measure.sides:
                beyond = values < known["0.01"] if side == "low" else values > known["0.99"]
                found.append(Outside(measure, side, int(beyond.sum()), int(values.size)))
        return found

    @property
    def warnings(self) -> list[str]:
        """Sentences; none where too few patterns came in."""
        if not self.speaks or not self.seen:
            return []
        beyond = [one for one in self.outside if one.speaks]
        return [
            *self._of_radiations(),
            *self._of_classes(),
            *(str(one.measure.sides[one.side]) % {"share": _percent(one.share), "month": self} for one in beyond),
        ]

    def _of_radiations(self) -> Iterable[str]:
        for name, n in self.radiations.items():
            share, known = n / self.n_looked_at, float(self.seen["radiation"].get(name, 0.0))
            if known < RARE and wilson(share, self.n_looked_at)[0] > known + EXCESS:
                yield _(
                    "%(share)s of the patterns of %(month)s were measured with %(radiation)s; the network saw %(known)s in training: its calls are"
                    " less sure there."
                ) % {
                    "share": _percent(share),
                    "month": self,
                    "radiation": radiation_name(name),
                    "known": _percent(known),
                }

    def _of_classes(self) -> Iterable[str]:
        known = self.seen.get("level")
        if not known:
            return
        expected = sum(float(known.get(level, 0.0)) for level in CALLS_WITH_A_LATTICE)
        if wilson(self.share_called, self.n_looked_at)[0] > expected + EXCESS:
            yield _(
                "%(share)s of the patterns of %(month)s are called class A to C, against %(known)s of the mix that p is calibrated for. Either"
                " these samples are rich in quasicrystals, or p says too much: look at the agreement page."
            ) % {"share": _percent(self.share_called), "month": self, "known": _percent(expected)}


class Drift:
    """The last MONTHS months of patterns that ``person`` may see, against what the version in production was trained on; three queries."""

    def __init__(self, person: Viewer, *, months: int = MONTHS, simulated: bool = False) -> None:
        self.person, self.n_months, self.asked_simulated = person, months, simulated

    @property
    def is_in_part(self) -> bool:
        return bool(hidden_from(self.person))

    @cached_property
    def version(self) -> ModelVersion | None:
        return ModelVersion.objects.production()

    @cached_property
    def seen(self) -> Mapping[str, Any]:
        """What the training of this version saw; empty where nobody knows."""
        return self.version.seen_in_training if self.version else {}

    @property
    def curated_share(self) -> float:
        """Of the training's patterns, those that were measured ones and are not in `seen`."""
        training = self.version.config.get("training", {}) if self.version else {}
        return float(training.get("curated_share", 0.0)) if training.get("curated") else 0.0

    @cached_property
    def _counts(self) -> dict[tuple[date, bool], int]:
        """Patterns by month and by whether they are simulated."""
        months = _last_months(self.n_months)
        ends = (
            When(reading__pattern__uploaded_at__lt=_moment(_next(month)), then=Value(number))
            for number, month in enumerate(months[:-1])
        )
        calls = self._calls().annotate(number=Case(*ends, default=Value(len(months) - 1)))
        rows = calls.values_list("number", "reading__pattern__simulated").annotate(n=Count("pk"))
        return {(months[number], simulated): n for number, simulated, n in rows}

    @property
    def n_simulated(self) -> int:
        return sum(n for (_month, simulated), n in self._counts.items() if simulated)

    @cached_property
    def shows_simulated(self) -> bool:
        """Where they were asked for, or nothing was measured."""
        return self.asked_simulated or all(simulated for _month, simulated in self._counts)

    @cached_property
    def months(self) -> list[Month]:
        """Those in which a pattern came in, the newest first."""
        n_of: dict[date, int] = {}
        for (month, simulated), n in self._counts.items():
            if self.shows_simulated or not simulated:
                n_of[month] = n_of.get(month, 0) + n
        every = {month: -(-n // MOST_A_MONTH) for month, n in n_of.items()}
        rows = self._rows(every) if every else []
        by_month: dict[date, list[tuple[Any, ...]]] = {month: [] for month in n_of}
        for uploaded_at, *row in rows:
            by_month[timezone.localdate(uploaded_at).replace(day=1)].append(tuple(row))
        return [Month(month, n_of[month], _columns(by_month[month]), self.seen) for month in sorted(n_of, reverse=True)]

    @property
    def warnings(self) -> list[str]:
        """Of all months, the newest first."""
        return [said for month in self.months for said in month.warnings]

    def _calls(self) -> ScreeningResultQuerySet:
        """Of the version in production, on the newest reading of each measurement."""
        calls = ScreeningResult.objects.visible_to(self.person).done().current().order_by()
        return calls.filter(
            model_version=self.version,
            reading__pattern__kind=Pattern.Kind.MEASUREMENT,
            reading__pattern__uploaded_at__gte=_moment(_last_months(self.n_months)[0]),
        )

    def _rows(self, every: Mapping[date, int]) -> Iterable[Sequence[Any]]:
        """Of each month every so many-th pattern."""
        wanted = Q()
        calls = self._calls()
        for n in set(every.values()) - {1}:
            calls = calls.alias(**{f"part_of_{n}": Mod(F("reading__pattern"), n)})
        for month, n in every.items():
            span = Q(reading__pattern__uploaded_at__gte=_moment(month))
            span &= Q(reading__pattern__uploaded_at__lt=_moment(_next(month)))
            wanted |= span & Q(**{f"part_of_{n}": 0}) if n > 1 else span
        if not self.shows_simulated:
            calls = calls.filter(reading__pattern__simulated=False)
        return calls.filter(wanted).values_list(
            *("reading__pattern__uploaded_at", "level", "probability", "reading__radiation"),
            *("reading__two_theta_first", "reading__two_theta_last", "reading__step"),
            *("reading__input_measures__coverage", "reading__input_measures__noise"),
        )


def newest_warnings(person: Viewer) -> list[str]:
    """Of this month and the one before, for the home page."""
    return Drift(person, months=2).warnings


def radiation_name(name: str) -> str:
    return _("another wavelength") if name == OTHER else name


def _columns(rows: Sequence[tuple[Any, ...]]) -> Columns:
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * 8
    level, probability, radiation, *numbers = columns
    return Columns(
        np.array(level, dtype=np.str_),
        np.array(probability, dtype=np.float64),
        np.array([name or OTHER for name in radiation], dtype=np.str_),
        *(np.array(column, dtype=np.float64) for column in numbers),
    )


def _last_months(n: int) -> list[date]:
    """The first days of the last ``n`` months, this one the last."""
    months = [timezone.localdate().replace(day=1)]
    while len(months) < n:
        months.insert(0, (months[0] - timedelta(days=1)).replace(day=1))
    return months


def _next(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def _moment(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, datetime.min.time()))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
