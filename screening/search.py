"""What is asked in the search box: a line of words and small questions, read into terms that can be said back.

Al 40-50   contains Ru   system:Al-Si-Ru   class:A   by:mori   note:"slow cooling"   a_R 4.3-4.4   and plain words
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import reduce

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from samples.elements import ELEMENTS
from samples.models import AlloySystem, Sample, Viewer
from samples.models.samples import SampleQuerySet
from samples.models.words import people_named
from samples.words import asked_words
from samples.xrd.bragg import RADIATIONS
from screening.calls import with_a_r, with_best_class, with_radiation, without_call
from screening.models import ScreeningResult

MOST_TERMS = 20

Asking = Callable[[SampleQuerySet], SampleQuerySet]


class NotUnderstood(Exception):  # noqa: N818 - nothing went wrong, and the rest is asked
    """The sentence says which part was left out and how to write it."""


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a search: as it was written, as it was understood, and what it asks."""

    text: str
    words: str
    ask: Asking = field(compare=False)
    shows_archived: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """A line as it was understood; ``doubts`` say what was left out of it."""

    terms: tuple[Term, ...]
    doubts: tuple[str, ...] = ()

    @classmethod
    def read(cls, line: str) -> Search:
        terms: dict[str, Term] = {}
        doubts = []
        for text, reader, match in _parts(plain(line)):
            try:
                if len(terms) == MOST_TERMS:
                    raise NotUnderstood(_("Only the first %(n)s parts are asked.") % {"n": MOST_TERMS})
                words, ask = reader(match)
            except NotUnderstood as sentence:
                doubts.append(str(sentence))
            else:
                terms[text] = Term(text, words, ask, shows_archived=bool(_ARCHIVED.fullmatch(text)))
        return cls(tuple(terms.values()), tuple(dict.fromkeys(doubts)))

    @property
    def text(self) -> str:
        return " ".join(term.text for term in self.terms)

    def without(self, dropped: Term) -> str:
        return " ".join(term.text for term in self.terms if term != dropped)

    def samples(self, person: Viewer) -> SampleQuerySet:
        """The samples that ``person`` may see and that answer to every term; archived ones only where they are asked for."""
        archived = any(term.shows_archived for term in self.terms)
        visible = Sample.objects.visible_to(person)
        samples = visible.archived() if archived else visible.current()
        return reduce(lambda asked, term: term.ask(asked), self.terms, samples)


def plain(line: str) -> str:
    """Full-width letters, typographic quotes and dashes as they stand on a keyboard."""
    line = unicodedata.normalize("NFKC", line)
    return " ".join(line.translate(_QUOTES).translate(_DASHES).replace("\x00", "").split())


_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−〜~", "-"))
_QUOTES = str.maketrans(dict.fromkeys("“”„「」『』", '"'))

# Ranges ---------------------------------------------------------------------------------------------------------------

_NUMBER = r"\d+(?:[.,]\d+)?"
_RANGE = (
    rf"(?:(?P<low>{_NUMBER})\s*(?:-|\.\.|to\b)\s*(?P<high>{_NUMBER})"
    rf"|(?P<sign>>=|<=|≥|≤|>|<|=)\s*(?P<bound>{_NUMBER})|(?P<exact>{_NUMBER}))"
)
_END = r"(?=[\s,;]|$)"
_LOOKUPS = {">=": "gte", "≥": "gte", ">": "gt", "<=": "lte", "≤": "lte", "<": "lt", "=": "exact"}


@dataclass(frozen=True, slots=True)
class Range:
    """Of numbers: the words for it, and its lookups (gte, lt, …)."""

    words: str
    lookups: dict[str, Decimal]

    @classmethod
    def of(cls, match: re.Match[str]) -> Range:
        if match["low"]:
            low, high = _number(match["low"]), _number(match["high"])
            if low > high:
                raise NotUnderstood(
                    _("“%(text)s” was left out: a range begins with its smaller number.") % {"text": match[0].strip()}
                )
            return cls(f"{low}–{high}", {"gte": low, "lte": high})
        if match["sign"]:
            bound, lookup = _number(match["bound"]), _LOOKUPS[match["sign"]]
            sign = {"gte": "≥ ", "lte": "≤ ", "gt": "> ", "lt": "< "}.get(lookup, "")
            return cls(f"{sign}{bound}", {lookup: bound})
        return cls(f"{_number(match['exact'])}", {"exact": _number(match["exact"])})

    def on(self, name: str) -> dict[str, Decimal]:
        return {f"{name}__{lookup}": bound for lookup, bound in self.lookups.items()}

    def rounded(self) -> Range:
        """Of a measured number, which is never met exactly: 4.35 is all that is printed so."""
        exact = self.lookups.get("exact")
        if exact is None:
            return self
        half = Decimal(5).scaleb(int(exact.as_tuple().exponent) - 1)
        return Range(self.words, {"gte": exact - half, "lte": exact + half})


def _number(text: str) -> Decimal:
    return Decimal(text[:12].replace(",", "."))


# What can be asked ----------------------------------------------------------------------------------------------------


def _amount(match: re.Match[str]) -> tuple[str, Asking]:
    element, amount = _element(match["element"]), Range.of(match)
    words = _("%(element)s %(range)s at.%%") % {"element": element, "range": amount.words}
    return words, lambda samples: samples.with_element(element, **amount.on("amount"))


def _a_r(match: re.Match[str]) -> tuple[str, Asking]:
    asked = Range.of(match).rounded()
    words = _("a_R %(range)s Å (class A to C)") % {"range": asked.words}
    return words, lambda samples: with_a_r(
        samples, **{k: float(v) for k, v in asked.on("quasilattice_constant").items()}
    )


def _contains(match: re.Match[str]) -> tuple[str, Asking]:
    element = _element(match["element"])
    return _("contains %(element)s") % {"element": element}, lambda samples: samples.with_element(element)


def _lacks(match: re.Match[str]) -> tuple[str, Asking]:
    element = _element(match["element"])
    return _("without %(element)s") % {"element": element}, lambda samples: samples.without_element(element)


def _element(symbol: str) -> str:
    if symbol.capitalize() not in ELEMENTS:
        raise NotUnderstood(_("“%(text)s” was left out: it is not an element.") % {"text": symbol})
    return symbol.capitalize()


def _word(match: re.Match[str]) -> tuple[str, Asking]:
    text = match["quoted"] if match["quoted"] is not None else match["word"]
    if not asked_words(text):
        raise NotUnderstood(_("“%(text)s” was left out: there is no word in it.") % {"text": text})
    return f"“{text}”", lambda samples: samples.matching(text)


def _system(text: str) -> tuple[str, Asking]:
    system = AlloySystem.objects.filter(key__iexact=AlloySystem.key_of(t.capitalize() for t in text.split("-"))).first()
    if system is None:
        raise NotUnderstood(
            _("“%(text)s” was left out: no sample of this system is here. Write its elements, like Al-Si-Ru.")
            % {"text": text}
        )
    return _("system %(name)s") % {"name": system.name}, lambda samples: samples.for_system(system)


def _levels(text: str) -> tuple[str, Asking]:
    if text.lower() in {"none", "-"}:
        return _("no class yet"), without_call
    levels = sorted({level for level in text.upper() if level not in ", +/"})
    if not levels or not set(levels) <= set(ScreeningResult.Level.values):
        raise NotUnderstood(_("“%(text)s” was left out: the classes are A, B, C and D, or none.") % {"text": text})
    return _("best class %(levels)s") % {"levels": ", ".join(levels)}, lambda samples: with_best_class(samples, levels)


def _person(text: str) -> tuple[str, Asking]:
    people = people_named(text)
    if not people:
        raise NotUnderstood(_("“%(text)s” was left out: nobody in this lab has such a name.") % {"text": text})
    return _("logged by %(name)s") % {"name": text}, lambda samples: samples.filter(made_by__in=people)


def _project(text: str) -> tuple[str, Asking]:
    """Whether there is such a project is not told: it may be closed to the person who asks."""
    if text.lower() in {"none", "-"}:
        return _("in no project"), lambda samples: samples.filter(project=None)
    return _("project %(key)s") % {"key": text}, lambda samples: samples.filter(project__key__iexact=text)


def _notes(text: str) -> tuple[str, Asking]:
    return _("notes say “%(text)s”") % {"text": text}, lambda samples: samples.saying("notes", text)


def _place(text: str) -> tuple[str, Asking]:
    return _("place “%(text)s”") % {"text": text}, lambda samples: samples.saying("place", text)


def _radiation(text: str) -> tuple[str, Asking]:
    anode = text[:2].capitalize()
    if anode not in RADIATIONS:
        known = ", ".join(RADIATIONS)
        raise NotUnderstood(
            _("“%(text)s” was left out: the radiations are %(known)s.") % {"text": text, "known": known}
        )
    name = RADIATIONS[anode].name
    return _("measured with %(radiation)s") % {"radiation": name}, lambda samples: with_radiation(samples, name)


def _state(text: str) -> tuple[str, Asking]:
    states: dict[str, tuple[str, Asking]] = {
        "simulated": (_("simulated"), lambda samples: samples.filter(simulated=True)),
        "measured": (_("not simulated"), lambda samples: samples.filter(simulated=False)),
        "used-up": (_("used up"), lambda samples: samples.filter(used_up=True)),
        "left": (_("some left"), lambda samples: samples.filter(used_up=False)),
        "archived": (_("archived"), lambda samples: samples),
    }
    if text.lower() not in states:
        raise NotUnderstood(
            _("“%(text)s” was left out: after “is:” comes one of %(known)s.")
            % {"text": text, "known": ", ".join(states)}
        )
    return states[text.lower()]


def _logged(text: str) -> tuple[str, Asking]:
    first, _dots, last = text.partition("..")
    try:
        begin = _day(first, 0) if first else None
        end = _day(last if _dots else first, 1) if last or not _dots else None
    except ValueError as error:
        raise NotUnderstood(
            _("“%(text)s” was left out: write days like 2026-04-01, 2026-04 or 2026-04-01..2026-06-30.")
            % {"text": text}
        ) from error
    asked = Q(made_at__gte=begin) if begin else Q()
    asked &= Q(made_at__lt=end) if end else Q()
    return _("logged %(days)s") % {"days": text.replace("..", " – ").strip()}, lambda samples: samples.filter(asked)


def _day(text: str, end: int) -> datetime:
    """The begin of a day, month or year in the lab's time zone, or its end."""
    year, month, day = [*(int(part) for part in re.split("[-/]", text)), 0, 0][:3]
    if text.count("-") + text.count("/") > 2:
        raise ValueError(text)
    begin = date(year, month or 1, day or 1)
    if end and day:
        begin += timedelta(days=1)
    elif end:
        begin = date(year + (not month or month == 12), month % 12 + 1 if month else 1, 1)
    return timezone.make_aware(datetime.combine(begin, time.min))


KEYS: dict[str, Callable[[str], tuple[str, Asking]]] = {
    **dict.fromkeys(("system", "合金系"), _system),
    **dict.fromkeys(("class", "クラス"), _levels),
    **dict.fromkeys(("by", "person", "担当"), _person),
    **dict.fromkeys(("note", "notes", "備考"), _notes),
    **dict.fromkeys(("project", "プロジェクト"), _project),
    **dict.fromkeys(("place", "場所"), _place),
    **dict.fromkeys(("radiation", "線源"), _radiation),
    **dict.fromkeys(("logged", "登録"), _logged),
    "is": _state,
}


def _keyed(match: re.Match[str]) -> tuple[str, Asking]:
    text = match["quoted"] if match["quoted"] is not None else match["value"]
    key = match["key"].lower()
    if key not in KEYS:
        raise NotUnderstood(
            _(
                "“%(text)s” was left out: before the colon comes one of %(known)s. Put quotes around it to look for it as it is."
            )
            % {"text": match[0], "known": ", ".join(key for key in KEYS if key.isascii())}
        )
    if not text.strip():
        raise NotUnderstood(_("“%(text)s” was left out: nothing comes after the colon.") % {"text": match[0]})
    return KEYS[key](text.strip())


# Reading the line -----------------------------------------------------------------------------------------------------

_QUOTED = r'"(?P<quoted>[^"]*)"?'
_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[str, Asking]]], ...] = (
    (re.compile(rf"a_?R\s*[: ]?\s*{_RANGE}(?:\s*Å)?{_END}", re.IGNORECASE), _a_r),
    (re.compile(rf"(?:contains|with)[ :]+(?P<element>[A-Za-z]{{1,2}}){_END}(?!\s+\d)"), _contains),
    (re.compile(rf"(?P<element>[A-Z][a-z]?)\s*を含む{_END}"), _contains),
    (re.compile(rf"(?:without|no)[ :]+(?P<element>[A-Za-z]{{1,2}}){_END}"), _lacks),
    (re.compile(rf"(?P<element>[A-Z][a-z]?)\s*を含まない{_END}"), _lacks),
    (re.compile(rf"(?P<element>[A-Z][a-z]?)(?:[ :]+|\s*(?=[<>=≥≤])){_RANGE}(?:\s*(?:at\.?)?\s*%)?{_END}"), _amount),
    (
        re.compile(rf"(?P<element>[A-Z][a-z])(?=\d+(?:[.,]\d+)?\s*(?:-|\.\.)){_RANGE}(?:\s*(?:at\.?)?\s*%)?{_END}"),
        _amount,
    ),
    (re.compile(rf"(?P<key>[^\W\d_]+):\s*(?:{_QUOTED}|(?P<value>\S*))"), _keyed),
    (re.compile(rf"(?P<element>{'|'.join(sorted(ELEMENTS, key=len, reverse=True))}){_END}"), _contains),
    (re.compile(rf"(?:{_QUOTED}|(?P<word>[^\s,;\"]+))"), _word),
)
_ARCHIVED = re.compile(r"is:\s*archived", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,;、]*")


def _parts(line: str) -> Iterator[tuple[str, Callable[[re.Match[str]], tuple[str, Asking]], re.Match[str]]]:
    """Each part of the line with who reads it; every line is read to its end."""
    position = 0
    while (position := _BETWEEN.match(line, position).end()) < len(line):  # type: ignore[union-attr]
        reader, match = next((r, m) for pattern, r in _READERS if (m := pattern.match(line, position)))
        yield match[0], reader, match
        position = match.end()
