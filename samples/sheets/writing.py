"""Many samples written at once, as one by one they would be, and what an import did taken back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Field, Model
from django.utils import timezone
from django.utils.formats import date_format

from samples.models.elements import SampleElement
from samples.models.patterns import Pattern
from samples.models.samples import Sample
from samples.models.sheets import SheetChange, SheetImport
from samples.models.synthesis import SynthesisStep, WeighedMass
from samples.models.systems import AlloySystem
from samples.models.words import SampleWord
from samples.sheets.checking import Proposal
from samples.xrd.sentences import sentence

AT_ONCE = 1000

SAMPLE_FIELDS = (
    *("composition_text", "composition_unit", "composition_sum", "composition", "measured_text", "measured", "system"),
    *("parent", "origin", "mass_after", "place", "used_up", "notes", "archived_at"),
)
"""What an import may change; the code is how it finds a sample."""

STEP_FIELDS = (
    *("kind", "temperature", "duration", "atmosphere", "quench", "melts", "wheel_speed"),
    *("done_on", "done_by", "notes"),
)
MASS_FIELDS = ("substance", "mass", "purity", "lot")


def write(proposals: Sequence[Proposal], *, by: User, sheet_import: SheetImport) -> list[SheetChange]:
    """Write the proposals, parents first, within the caller's transaction."""
    _find_systems([proposal.sample for proposal in proposals])
    _give_codes(proposals)
    befores = {id(p): snapshot(p.stored, p) for p in proposals if p.stored}
    for proposal in proposals:
        proposal.sample.changed_by = by
    for _depth, generation in groupby((p for p in proposals if p.is_new), key=_depth_of):
        _create(list(generation), by)
    changed = [proposal.sample for proposal in proposals if not proposal.is_new]
    for proposal in proposals:
        if proposal.comes_back:
            proposal.sample.archived_at = None
    _save(changed)
    _index([proposal.sample for proposal in proposals])
    _replace_rows(SynthesisStep, {p.sample.pk: p.steps for p in proposals if p.steps is not None})
    _replace_rows(WeighedMass, {p.sample.pk: p.masses for p in proposals if p.masses is not None})
    return SheetChange.objects.bulk_create(
        [
            SheetChange(
                sheet_import=sheet_import,
                sample=proposal.sample,
                made=proposal.is_new,
                before=befores.get(id(proposal)),
                edition=proposal.sample.edition,
            )
            for proposal in proposals
        ],
        batch_size=AT_ONCE,
    )


def snapshot(stored: Sample, proposal: Proposal) -> dict[str, Any]:
    """What the import will change of a sample, as it stands before."""
    before: dict[str, Any] = {"sample": _values(stored, SAMPLE_FIELDS)}
    if proposal.steps is not None:
        before["steps"] = [_values(step, STEP_FIELDS) for step in stored.steps.all()]
    if proposal.masses is not None:
        before["masses"] = [_values(mass, MASS_FIELDS) for mass in stored.weighed_masses.all()]
    return before


def take_back(sheet_import: SheetImport, *, by: User) -> None:
    """Archive what the import made and restore what it changed; what was worked with since is left, and says why."""
    changes = list(sheet_import.changes.select_related("sample__changed_by"))
    list(Sample.objects.select_for_update().filter(pk__in=[change.sample_id for change in changes]).values_list("pk"))
    _mark_left(changes)
    undone = [change for change in changes if not change.left]
    made = [change.sample_id for change in undone if change.made]
    now = timezone.now()
    Sample.objects.filter(pk__in=made, archived_at=None).update(archived_at=now, changed_by=by, changed_at=now)
    restored = [change for change in undone if not change.made]
    for change in restored:
        _set_values(change.sample, change.before_rows["sample"])
        change.sample.changed_by = by
    _save([change.sample for change in restored])
    _index([change.sample for change in restored])
    for model, name in ((SynthesisStep, "steps"), (WeighedMass, "masses")):
        rows = {
            change.sample_id: [_set_values(model(), values) for values in change.before_rows[name]]
            for change in restored
            if name in change.before_rows
        }
        _replace_rows(model, rows)
    SheetChange.objects.bulk_update([change for change in changes if change.left], ["left"], batch_size=AT_ONCE)


# Writing


def _depth_of(proposal: Proposal) -> int:
    depth, ancestor = 0, proposal.parent
    while ancestor is not None:
        depth, ancestor = depth + 1, ancestor.parent
    return depth


def _find_systems(samples: Iterable[Sample]) -> None:
    """Give each sample the system of its elements; the first to have them names it."""
    orders = {id(sample): sample.nominal.elements for sample in samples}
    names: dict[str, str] = {}
    for order in orders.values():
        names.setdefault(AlloySystem.key_of(order), "-".join(order))
    systems = AlloySystem.objects.in_bulk(list(names), field_name="key")
    missing = [AlloySystem(key=key, name=name) for key, name in names.items() if key not in systems]
    systems |= {made.key: made for made in AlloySystem.objects.bulk_create(missing, batch_size=AT_ONCE)}
    for sample in samples:
        sample.system = systems[AlloySystem.key_of(orders[id(sample)])]


def _give_codes(proposals: Sequence[Proposal]) -> None:
    """The next free code of its system, or of its parent, for each sample that came without one."""
    without = [proposal for proposal in proposals if not proposal.sample.code]
    if not without:
        return
    # Those who give codes at the same moment wait here for each other's.
    list(AlloySystem.objects.select_for_update().filter(pk__in={p.sample.system_id for p in without}))
    taken = {code.lower() for code in Sample.objects.values_list("code", flat=True)}
    taken |= {proposal.sample.code.lower() for proposal in proposals}
    last: dict[str, int] = {}
    for code in taken:
        if match := re.fullmatch(r"(.+)-(\d{1,9})", code):
            last[match[1]] = max(last.get(match[1], 0), int(match[2]))
    for proposal in without:
        sample = proposal.sample
        stem = sample.parent.code if sample.parent else "".join(symbol[0] for symbol in sample.system.elements)
        last[stem.lower()] = last.get(stem.lower(), 0) + 1
        sample.code = f"{stem}-{last[stem.lower()]:0{1 if sample.parent else 3}d}"
        for row in proposal.rows["samples"]:
            row.note = sentence("logged as %(code)s", code=sample.code).as_json()


def _create(proposals: Sequence[Proposal], by: User) -> None:
    for proposal in proposals:
        sample = proposal.sample
        sample.made_by = by
        if proposal.parent is not None:
            sample.parent = proposal.parent.sample  # which has its id now
        sample.simulated = bool(sample.parent and sample.parent.simulated)
    Sample.objects.bulk_create([proposal.sample for proposal in proposals], batch_size=AT_ONCE)


def _save(samples: Sequence[Sample]) -> None:
    """Write the fields of samples that are there, each as a new edition."""
    now = timezone.now()
    for sample in samples:
        sample.edition += 1
        sample.changed_at = now
    write_over(Sample, samples, [*SAMPLE_FIELDS, "edition", "changed_by", "changed_at"])


def write_over(model: type[Any], rows: Sequence[Model], fields: Sequence[str]) -> None:
    """UPDATE of many rows: an INSERT whose rows are all there, far faster than a CASE for each of them."""
    model._default_manager.bulk_create(
        rows, update_conflicts=True, unique_fields=["id"], update_fields=list(fields), batch_size=AT_ONCE
    )


def _index(samples: Sequence[Sample]) -> None:
    """What samples are found by: their elements and their words."""
    SampleElement.objects.filter(sample__in=samples).delete()
    SampleElement.objects.bulk_create(
        [
            SampleElement(sample=sample, element=symbol, amount=amount)
            for sample in samples
            for symbol, amount in sample.nominal.amounts.items()
        ],
        batch_size=AT_ONCE,
    )
    SampleWord.objects.list_for(samples)


def _replace_rows(model: type[Any], wanted: Mapping[int, Sequence[Any]]) -> None:
    """Make these the steps, or the masses, of each sample, in this order; a row is kept where there was one before."""
    there: dict[int, list[int]] = {pk: [] for pk in wanted}
    stored = model.objects.filter(sample__in=list(wanted)).order_by("sample", "position")
    for pk, sample_id in stored.values_list("pk", "sample_id"):
        there[sample_id].append(pk)
    kept: list[Any] = []
    new: list[Any] = []
    surplus: list[int] = []
    for sample_id, rows in wanted.items():
        pks = there[sample_id]
        for place, row in enumerate(rows):
            row.sample_id, row.position = sample_id, place + 1
            row.pk = pks[place] if place < len(pks) else None
            (kept if row.pk else new).append(row)
        surplus += pks[len(rows) :]
    fields = STEP_FIELDS if model is SynthesisStep else MASS_FIELDS
    write_over(model, kept, [*fields, "position"])
    model.objects.bulk_create(new, batch_size=AT_ONCE)
    model.objects.filter(pk__in=surplus).delete()


# Taking back


def _mark_left(changes: Sequence[SheetChange]) -> None:
    for change in changes:
        sample = change.sample
        if sample.edition != change.edition:
            change.left = sentence(
                "%(who)s saved it at %(when)s, after the import.",
                who=str(sample.changed_by),
                when=date_format(timezone.localtime(sample.changed_at), "Y-m-d H:i"),
            ).as_json()
    made = {change.sample_id: change for change in changes if change.made and not change.left}
    for sample_id in Pattern.objects.current().filter(sample__in=list(made)).values_list("sample_id", flat=True):
        made[sample_id].left = sentence("A pattern was measured on it since.").as_json()
    pieces = list(Sample.objects.current().filter(parent__in=list(made)).values_list("parent_id", "pk", "code"))
    found_more = True
    while found_more:  # a parent stays with its piece, and so does the parent's parent
        found_more = False
        for parent_id, piece_id, code in pieces:
            stays = piece_id not in made or made[piece_id].left
            if stays and not made[parent_id].left:
                made[parent_id].left = sentence("Its piece %(code)s stays.", code=code).as_json()
                found_more = True


def _values(row: Model, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, row._meta.get_field(name).attname) for name in names}  # type: ignore[union-attr]


def _set_values(row: Any, values: Mapping[str, Any]) -> Any:
    for name, value in values.items():
        known: Field[Any, Any] = row._meta.get_field(name)
        setattr(row, known.attname, known.to_python(value) if value is not None else None)
    return row
