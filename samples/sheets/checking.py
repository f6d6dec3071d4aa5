"""The lines of a spreadsheet compared with the lab: what each would make or change, and which cells are wrong and why."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.formats import date_format

from samples.models.samples import CODE_NOT_FREE, Sample, plain_text
from samples.models.sheets import SheetRow
from samples.models.synthesis import MOST_ROWS, SynthesisStep, WeighedMass
from samples.sentences import listed, sentences_of, word
from samples.sheets.columns import MASSES, SAMPLES, SYNTHESIS, TABLES, Column, Table, read_cell
from samples.sheets.placing import find_projects, visible
from samples.xrd.sentences import Sentence, counted, sentence

ASKED_AT_ONCE = 10_000
"""Codes in one question to the database."""

State = SheetRow.State


@dataclass(eq=False)
class Proposal:
    """One sample as the file wants it, with all lines about it.

    stored: as it stands in the lab; steps, masses: as they shall be, None where they stay
    """

    key: str
    stored: Sample | None
    sample: Sample
    rows: dict[str, list[SheetRow]] = field(default_factory=lambda: defaultdict(list))
    steps: list[SynthesisStep] | None = None
    masses: list[WeighedMass] | None = None
    parent: Proposal | None = None

    @property
    def is_new(self) -> bool:
        return self.stored is None

    @property
    def comes_back(self) -> bool:
        """Out of the archive."""
        return self.stored is not None and self.stored.archived_at is not None and bool(self.rows["samples"])

    @property
    def lines(self) -> list[SheetRow]:
        return [row for name in TABLES for row in self.rows[name]]

    @property
    def wrong_line(self) -> SheetRow | None:
        return next((row for row in self.lines if row.problems), None)

    @property
    def writes(self) -> bool:
        written = any(row.before for row in self.rows["samples"])
        return self.is_new or self.comes_back or written or self.steps is not None or self.masses is not None


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a check: the samples to write, parents before their pieces."""

    right: list[Proposal]


def check(rows: Sequence[SheetRow], *, by: User, clears: bool, as_seen: bool = False, locked: bool = False) -> Found:
    """Say on each row what it would do and what is wrong with it; of samples that ``by`` may not see, nothing is said.

    clears: whether an empty cell empties the field of a sample that is there; as_seen: the rows were checked before, what
    was wrong then stays out, and what others saved since is a conflict
    """
    proposals = _gathered(rows, by, locked=locked)
    stay_out = [proposal for proposal in proposals if as_seen and any(row.is_left_out for row in proposal.lines)]
    set_aside = {id(proposal) for proposal in stay_out}
    checked = [proposal for proposal in proposals if id(proposal) not in set_aside]
    for proposal in checked:
        for row in proposal.lines:
            row.note = None
        _check_sample(proposal, clears=clears)
        proposal.steps = _check_making(proposal, SYNTHESIS, SynthesisStep)
        proposal.masses = _check_making(proposal, MASSES, WeighedMass)
    _find_parents(checked, {proposal.key: proposal for proposal in proposals if proposal.key}, by)
    find_projects(_parents_first([one for one in checked if one.rows["samples"]]), by)
    conflicts = [proposal for proposal in checked if as_seen and proposal.writes and _saved_since(proposal)]
    left_out = _marked_wrong(checked, [*stay_out, *conflicts])
    for proposal in checked:
        if id(proposal) not in left_out:
            _set_states(proposal)
    return Found(_parents_first([one for one in checked if id(one) not in left_out and one.writes]))


def _gathered(rows: Sequence[SheetRow], by: User, *, locked: bool) -> list[Proposal]:
    """The rows by sample; each row without a code on the sheet of samples is a new one."""
    keys = {id(row): plain_text(row.cells.get(TABLES[row.table].key, "")).lower() for row in rows}
    known = _stored(set(keys.values()) - {""}, locked=locked)
    stored = visible(known, by)
    proposals: dict[str, Proposal] = {}
    nameless: list[Proposal] = []
    for row in rows:
        key, table = keys[id(row)], TABLES[row.table]
        proposal = proposals.get(key) if key else None
        if proposal is None:
            proposal = _proposal(key, row, stored.get(key))
            if key:
                proposals[key] = proposal
            else:
                nameless.append(proposal)
        elif table is SAMPLES and proposal.rows["samples"]:
            line = proposal.rows["samples"][0].line
            row.refuse(table.key, sentence("Row %(line)s has the same code. Write each sample once.", line=line))
        if key in known and key not in stored:
            row.refuse(table.key, Sentence(word(CODE_NOT_FREE).template, {"code": proposal.sample.code}))
        proposal.rows[row.table].append(row)
        row.edition = proposal.stored.edition if proposal.stored and not row.pk else row.edition
    for proposal in [*proposals.values(), *nameless]:
        _check_key(proposal)
    return [*proposals.values(), *nameless]


def _stored(keys: set[str], *, locked: bool) -> dict[str, Sample]:
    """Lower-case code → sample, with its steps and masses."""
    samples = Sample.objects.select_related("parent__project", "project", "changed_by").prefetch_related(
        "steps", "weighed_masses"
    )
    if locked:
        samples = samples.select_for_update(of=("self",))
    found: dict[str, Sample] = {}
    asked = sorted(keys)
    for first in range(0, len(asked), ASKED_AT_ONCE):
        some = asked[first : first + ASKED_AT_ONCE]
        # SQLite's LOWER knows ASCII alone: other letters are found as they are written.
        named = samples.alias(lower=Lower("code")).filter(Q(lower__in=some) | Q(code__in=some))
        found |= {sample.code.lower(): sample for sample in named}
    return found


def _proposal(key: str, row: SheetRow, stored: Sample | None) -> Proposal:
    if stored is not None:
        return Proposal(key, stored, _copied(stored))
    return Proposal(key, None, Sample(code=plain_text(row.cells.get(TABLES[row.table].key, ""))))


def _copied(row: Any) -> Any:
    twin = copy.copy(row)
    twin._state = copy.copy(row._state)
    twin._state.fields_cache = dict(row._state.fields_cache)
    return twin


def _check_key(proposal: Proposal) -> None:
    """Steps and masses need a sample that is there, or stands in the same file."""
    if proposal.stored or (proposal.rows["samples"] and proposal.key):
        return
    for table in (SYNTHESIS, MASSES):
        for row in proposal.rows[table.name]:
            if table.key in row.problems:
                continue
            row.refuse(
                table.key,
                sentence(
                    "There is no sample “%(code)s”, here or on the sheet of samples. Log it first, or write it there.",
                    code=proposal.sample.code,
                )
                if proposal.key
                else sentence("Say which sample this is about: write its code."),
            )


# The sample itself


def _check_sample(proposal: Proposal, *, clears: bool) -> None:
    for row in proposal.rows["samples"]:
        _fill(proposal, row, clears=clears)
    if not proposal.rows["samples"]:
        return
    row, sample = proposal.rows["samples"][0], proposal.sample
    if proposal.stored and not row.before:
        return
    if "composition_text" in row.before and not row.cells.get("composition_sum"):
        sample.composition_sum = Sample.CompositionSum.EXACT  # a choice made for another composition does not answer
    if proposal.is_new and not sample.composition_text:
        if "composition_text" in row.problems:
            return
        row.refuse("composition_text", sentence("A new sample needs its nominal composition, like Al43Si32Ru25."))
        return
    try:
        sample.read_compositions()
    except ValidationError as error:
        _say(row, SAMPLES, error)
        if "composition_sum" in error.message_dict:
            _say_how_to_choose(row)
    excluded = {"system", "parent", "made_by", "changed_by", "made_at", "changed_at", *row.problems}
    excluded |= {"composition"} if not sample.composition else set()
    try:
        sample.clean_fields(exclude=excluded if sample.code else excluded | {"code"})
    except ValidationError as error:
        _say(row, SAMPLES, error)


def _say_how_to_choose(row: SheetRow) -> None:
    """On a form the choice is a click; in a table it is a word in a column."""
    place = "composition_sum" if "composition_sum" in row.problems else "composition_text"
    row.refuse(
        place,
        sentence(
            "To choose, write “%(words)s” in the column “%(heading)s”.",
            words=listed((choice.label for choice in list(Sample.CompositionSum)[1:]), "”, “"),
            heading=word(SAMPLES.column("composition_sum").heading),
        ),
    )


def _fill(proposal: Proposal, row: SheetRow, *, clears: bool) -> None:
    """Give the sample what the cells say, and note what stood there before."""
    row.before = {}
    for column in SAMPLES.taken_in:
        text = row.cells.get(column.name)
        if text is None or column.name in (SAMPLES.key, "parent", "project") or column.name in row.problems:
            continue
        stored = column.text(proposal.stored) if proposal.stored else ""
        if text == stored or (not text and not clears):
            continue
        value = _value(row, column, text)
        if column.name in row.problems:
            continue
        if proposal.stored is None:
            setattr(proposal.sample, column.name, value)
        elif value != getattr(proposal.stored, column.name):
            setattr(proposal.sample, column.name, value)
            row.before[column.name] = stored


def _value(row: SheetRow, column: Column, text: str) -> Any:
    """What the text means; for none, what an empty field holds."""
    if not text:
        return _EMPTY.get(column.name, "")
    try:
        return read_cell(column, text)
    except ValidationError as error:
        row.refuse(column.name, *sentences_of(error.error_list))
        return None


_EMPTY: dict[str, Any] = {
    **dict.fromkeys(("mass_after", "temperature", "duration", "melts", "wheel_speed", "done_on", "mass", "purity")),
    "used_up": False,
    "composition_unit": Sample.CompositionUnit.ATOMIC,
    "composition_sum": Sample.CompositionSum.EXACT,
}


def _say(row: SheetRow, table: Table, error: ValidationError) -> None:
    """Put each sentence on its cell; what has no column of its own on the one that tells which sample it is."""
    names = {column.name for column in table.taken_in if column.name in row.cells}
    for name, errors in error.error_dict.items():
        place = name if name in names else "composition_text" if "composition_text" in names else table.key
        row.refuse(place, *sentences_of(errors))


# How it was made


def _check_making(proposal: Proposal, table: Table, model: type[Any]) -> list[Any] | None:
    """The rows of ``model`` as the file wants them; None where it says nothing else than the lab does."""
    rows = _in_order(proposal.rows[table.name])
    if not rows:
        return None
    if len(rows) > MOST_ROWS:
        rows[-1].refuse(
            table.key,
            sentence("A sample has %(n)s rows here; more than %(limit)s are not read.", n=len(rows), limit=MOST_ROWS),
        )
    relation = "steps" if model is SynthesisStep else "weighed_masses"
    stored = sorted(getattr(proposal.stored, relation).all(), key=lambda one: one.position) if proposal.stored else []
    wanted = []
    for place, row in enumerate(rows):
        wanted.append(_made_row(row, table, model, stored[place] if place < len(stored) else None))
    if (surplus := len(stored) - len(rows)) > 0:
        rows[-1].note = counted(
            "%(n)s further row that the lab has for this sample is taken out.",
            "%(n)s further rows that the lab has for this sample are taken out.",
            n=surplus,
        ).as_json()
    changed = len(rows) != len(stored) or any(row.before for row in rows)
    return wanted if changed and not any(row.problems for row in rows) else None


def _in_order(rows: list[SheetRow]) -> list[SheetRow]:
    """By the number of the step where it is given, else as they stand."""
    numbers: dict[int, SheetRow] = {}
    for row in rows:
        text = plain_text(row.cells.get("position", ""))
        if not text or "position" in row.problems:
            continue
        if not text.isdecimal() or not 0 < int(text[:6]) < 1000:
            row.refuse("position", sentence("This is not a whole number. Write it like 3."))
        elif int(text) in numbers:
            line = numbers[int(text)].line
            row.refuse("position", sentence("Row %(line)s has the same number. Number the steps 1, 2, 3 …", line=line))
        else:
            numbers[int(text)] = row
    if numbers and len(numbers) < len(rows):
        for row in rows:
            if not row.cells.get("position") and not row.problems:
                row.refuse("position", sentence("Number every step of a sample, or none of them."))
    return [numbers[n] for n in sorted(numbers)] if len(numbers) == len(rows) else rows


def _made_row(row: SheetRow, table: Table, model: type[Any], stored: Any) -> Any:
    """One step or mass; what the file does not have is kept from the row in its place, if that is of the same kind."""
    row.before = {}
    kind = table.column("kind" if model is SynthesisStep else "substance")
    same_kind = stored is not None and (kind.name not in row.cells or row.cells[kind.name] == kind.text(stored))
    made = _copied(stored) if same_kind else model()
    for column in table.taken_in:
        text = row.cells.get(column.name)
        if text is None or column.name in (table.key, "position") or column.name in row.problems:
            continue
        before = column.text(stored) if stored else ""
        if same_kind and text == before:
            continue
        value = _value(row, column, text)
        if column.name in row.problems:
            continue
        setattr(made, column.name, value)
        if stored is not None and value != getattr(stored, column.name):
            row.before[column.name] = before
    if row.problems or (same_kind and not row.before):
        return made
    try:
        made.clean_fields(exclude=["id", "sample", "position"])
        made.clean()
    except ValidationError as error:
        _say(row, table, error)
    return made


# Parents


def _find_parents(proposals: list[Proposal], by_key: dict[str, Proposal], by: User) -> None:
    """A parent is in the lab, or is made by the same file."""
    asking = [
        (proposal, row, plain_text(row.cells["parent"]))
        for proposal in proposals
        for row in proposal.rows["samples"][:1]
        if row.cells.get("parent") and "parent" not in row.problems
    ]
    stored = visible(_stored({code.lower() for _p, _r, code in asking} - set(by_key), locked=False), by)
    moved = False
    for proposal, row, code in asking:
        in_file = by_key.get(code.lower())
        parent = (in_file.sample if in_file.is_new else in_file.stored) if in_file else stored.get(code.lower())
        if in_file and in_file.is_new and not in_file.rows["samples"]:
            parent = None
        if parent is None:
            row.refuse(
                "parent",
                sentence("There is no sample “%(code)s”. Log the sample first, or leave the field empty.", code=code),
            )
            continue
        before = proposal.stored.parent if proposal.stored else None
        if before is not None and before.pk == parent.pk:
            continue
        moved = moved or not proposal.is_new
        proposal.sample.parent = parent
        proposal.parent = in_file if in_file and in_file.is_new else None
        if proposal.stored:
            row.before["parent"] = before.code if before else ""
    _check_origins(proposals)
    _refuse_circles(proposals, ask_lab=moved)


def _check_origins(proposals: list[Proposal]) -> None:
    for proposal in proposals:
        for row in proposal.rows["samples"][:1]:
            if row.cells.get("origin") and proposal.sample.origin and proposal.sample.parent is None:
                row.refuse("origin", sentence("It came from a parent: name that, or clear this."))


def _refuse_circles(proposals: list[Proposal], *, ask_lab: bool) -> None:
    """No sample is a piece of itself."""
    with_parent = Sample.objects.filter(parent__isnull=False).values_list("code", "parent__code") if ask_lab else ()
    parents = {code.lower(): parent.lower() for code, parent in with_parent}
    parents |= {p.key: p.sample.parent.code.lower() for p in proposals if p.sample.parent is not None and p.key}
    for proposal in proposals:
        if proposal.sample.parent is None or not (proposal.is_new or any("parent" in r.before for r in proposal.lines)):
            continue
        seen, key = {proposal.key}, proposal.sample.parent.code.lower()
        while key in parents and key not in seen:
            seen.add(key)
            key = parents[key]
        if key == proposal.key and key:
            proposal.rows["samples"][0].refuse(
                "parent",
                sentence(
                    "%(parent)s is this sample or a piece of it. Name the sample that this one came from.",
                    parent=proposal.sample.parent.code,
                ),
            )


# What comes of it


def _saved_since(proposal: Proposal) -> bool:
    """Whether somebody saved the sample after these rows were checked; if so, they say it."""
    stored = proposal.stored
    if stored is None or all(row.edition == stored.edition for row in proposal.lines):
        return False
    when = date_format(timezone.localtime(stored.changed_at), "Y-m-d H:i")
    for row in proposal.lines:
        row.state = State.CONFLICT
        row.note = sentence(
            "%(who)s saved %(code)s at %(when)s, after this file was checked. Theirs stands: send the file again.",
            who=str(stored.changed_by),
            code=stored.code,
            when=when,
        ).as_json()
    return True


def _marked_wrong(proposals: list[Proposal], out: Iterable[Proposal]) -> set[int]:
    """The ids of the proposals that stay out; a sample is imported with all of its rows, and after its parent, or not."""
    left_out = {id(proposal) for proposal in out}
    for proposal in proposals:
        if (line := proposal.wrong_line) and id(proposal) not in left_out:
            left_out.add(id(proposal))
            _leave_out(
                proposal,
                sentence(
                    "Left out, because row %(line)s of “%(table)s” is wrong.",
                    line=line.line,
                    table=word(TABLES[line.table].title),
                ),
            )
    found_more = True
    while found_more:
        found_more = False
        for proposal in proposals:
            if proposal.parent is not None and id(proposal.parent) in left_out and id(proposal) not in left_out:
                left_out.add(id(proposal))
                found_more = True
                _leave_out(
                    proposal,
                    sentence("Left out, because its parent %(code)s is.", code=proposal.parent.sample.code),
                )
    return left_out


def _leave_out(proposal: Proposal, reason: Sentence) -> None:
    for row in proposal.lines:
        row.state = State.WRONG
        row.note = None if row.problems else reason.as_json()


def _set_states(proposal: Proposal) -> None:
    for row in proposal.rows["samples"]:
        row.state = State.NEW if proposal.is_new else State.CHANGED if row.before else State.UNCHANGED
        if proposal.comes_back:
            row.state, row.note = State.CHANGED, sentence("comes back from the archive").as_json()
    for table, relation in ((SYNTHESIS, "steps"), (MASSES, "weighed_masses")):
        n_stored = len(getattr(proposal.stored, relation).all()) if proposal.stored else 0
        for place, row in enumerate(_in_order(proposal.rows[table.name])):
            is_same = not row.before and not row.note
            row.state = State.NEW if place >= n_stored else State.UNCHANGED if is_same else State.CHANGED


def _parents_first(proposals: list[Proposal]) -> list[Proposal]:
    """``proposals`` so that a sample comes after the new one that it is a piece of; a circle, refused before, ends somewhere."""
    depth: dict[int, int] = {}

    def depth_of(proposal: Proposal) -> int:
        chain = {id(proposal): proposal}
        parent = proposal.parent
        while parent is not None and id(parent) not in depth and id(parent) not in chain:
            chain[id(parent)] = parent
            parent = parent.parent
        for one in reversed(chain.values()):
            depth[id(one)] = depth.get(id(one.parent), -1) + 1 if one.parent is not None else 0
        return depth[id(proposal)]

    return sorted(proposals, key=depth_of)
