"""Rows whose every change is noted, however they are written: saved, updated, made in bulk or removed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, ClassVar, TypeVar

from django.db import models

from samples.models.acts import AT_ONCE, Values, joined_act, names_read, plain_value, traced_fields, values_of
from samples.models.changes import label_of

Row = TypeVar("Row", bound="TracedModel", covariant=True)


class TracedQuerySet(models.QuerySet[Row]):
    """Update and the bulk ways of writing are noted as save is."""

    def update(self, **values: Any) -> int:
        names = {name.removesuffix("_id") for name in values}
        fields = [known for known in traced_fields(self.model) if known.name in names]
        if not fields:
            return super().update(**values)
        with joined_act() as act:
            rows = self._as_they_stand()
            n_changed = super().update(**values)
            after = self._after(rows, fields, values)
            for row, before in rows:
                act.note(row, before, after[row.pk])
        return n_changed

    def bulk_create(
        self,
        objs: Iterable[Row],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[Row]:
        """As Django's; of rows that may be there already (``ignore_conflicts``) nothing is noted."""
        objs = list(objs)
        with joined_act() as act:
            here = [obj.pk for obj in objs if obj.pk is not None] if update_conflicts else []
            before = {row.pk: values_of(row, traced_fields(self.model)) for row in _of_ids(self.model, here)}
            made = super().bulk_create(
                objs, batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields
            )
            for obj in [] if ignore_conflicts else made:
                written = [
                    known
                    for known in traced_fields(self.model)
                    if obj.pk not in before or known.name in (update_fields or ())
                ]
                act.note(obj, before.get(obj.pk), values_of(obj, written))
        return made

    def delete(self) -> tuple[int, dict[str, int]]:
        with joined_act() as act:
            rows = self._as_they_stand()
            n_deleted = super().delete()
            for row, before in rows:
                act.note(row, before, None)
        return n_deleted

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def _as_they_stand(self) -> list[tuple[Row, Values]]:
        """The rows that are about to be written, locked where the database can."""
        rows = self.all().defer(None).select_related(None).prefetch_related(None).order_by()
        rows = rows.only(*names_read(self.model))
        if not (rows.query.distinct or rows.query.group_by):
            rows = rows.select_for_update(of=("self",))
        fields = traced_fields(self.model)
        return [(row, values_of(row, fields)) for row in rows]

    def _after(
        self, rows: Sequence[tuple[Row, Values]], fields: Sequence[models.Field[Any, Any]], values: dict[str, Any]
    ) -> dict[int, Values]:
        """What ``values`` made of each row; where the database computed it, it is asked."""
        given = {known.name: values.get(known.name, values.get(known.attname)) for known in fields}
        if any(hasattr(value, "resolve_expression") for value in given.values()):
            return {row.pk: values_of(row, fields) for row in _of_ids(self.model, [row.pk for row, _before in rows])}
        said = {
            known.name: plain_value(known, value.pk if isinstance(value, models.Model) else value)
            for known, value in ((known, given[known.name]) for known in fields)
        }
        return {row.pk: said for row, _before in rows}


def _of_ids(model: type[Row], pks: Sequence[int]) -> Iterator[Row]:
    for start in range(0, len(pks), AT_ONCE):
        yield from model._base_manager.only(*names_read(model)).filter(pk__in=pks[start : start + AT_ONCE])


class TracedModel(models.Model):
    """A row with a history; its manager is one of a TracedQuerySet.

    part_of: the foreign key to the thing whose history tells of this row; "" where that is the row itself
    named_by: the field by which it is told from other parts
    untraced: fields that say nothing of their own, such as who changed it last
    """

    part_of: ClassVar[str] = ""
    named_by: ClassVar[str] = ""
    untraced: ClassVar[frozenset[str]] = frozenset()

    class Meta:
        abstract = True

    def save(self, **options: Any) -> None:
        names = options.get("update_fields")
        fields = [known for known in traced_fields(type(self)) if names is None or known.name in names]
        if not fields:
            super().save(**options)
            return
        with joined_act() as act:
            before = act.before(type(self), self.pk)
            super().save(**options)
            act.note(self, before, values_of(self, fields))

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        with joined_act() as act:
            before = act.before(type(self), self.pk)
            row_id = self.pk
            deleted = super().delete(*args, **options)
            self.pk = row_id
            act.note(self, before, None)
            self.pk = None
        return deleted

    def thing_of_history(self) -> tuple[str, int]:
        """Kind and id of the thing that this row is, or is part of."""
        if not self.part_of:
            return label_of(type(self)), self.pk
        whole: Any = self._meta.get_field(self.part_of)
        return label_of(whole.related_model), getattr(self, whole.attname)
