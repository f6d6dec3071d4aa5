"""Alloy systems: one for each set of elements."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from samples.models.acts import changes_by
from samples.models.traced import TracedModel, TracedQuerySet


class SystemConflict(Exception):  # noqa: N818 - two people did nothing wrong
    """Somebody else saved the system since this edition of it was read; `stored` is how it stands now."""

    def __init__(self, stored: AlloySystem) -> None:
        super().__init__(stored.name)
        self.stored = stored


class AlloySystemQuerySet(TracedQuerySet["AlloySystem"]):
    def for_elements(self, elements: Iterable[str]) -> AlloySystem:
        """The system of this set of elements; made now, in this order, if no sample had them before."""
        order = tuple(elements)
        system, _made = self.get_or_create(key=AlloySystem.key_of(order), defaults={"name": "-".join(order)})
        return system


class AlloySystem(TracedModel):
    """A set of elements, e.g. Al-Si-Ru; made by the first sample that has it."""

    untraced = frozenset({"made_at", "changed_by", "changed_at", "edition"})

    key = models.CharField(_("elements in alphabetical order"), max_length=200, unique=True, editable=False)
    name = models.CharField(
        _("name"), max_length=200, help_text=_("The elements in the order that the lab writes them, like Al-Si-Ru.")
    )
    notes = models.TextField(_("notes"), blank=True)
    made_at = models.DateTimeField(_("made at"), auto_now_add=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("changed by"),
        editable=False,
    )
    changed_at = models.DateTimeField(_("changed at"), null=True, editable=False)
    edition = models.PositiveIntegerField(_("edition"), default=1, editable=False)

    objects = AlloySystemQuerySet.as_manager()

    class Meta:
        verbose_name = _("alloy system")
        verbose_name_plural = _("alloy systems")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def revise(self, *, by: AbstractBaseUser, edition: int, why: str = "") -> None:
        """Save the order of the elements and the notes, unless somebody saved since `edition` was read: SystemConflict."""
        now = {"changed_by_id": by.pk, "changed_at": timezone.now(), "edition": edition + 1}
        with changes_by(by, why):
            here = AlloySystem.objects.filter(pk=self.pk, edition=edition)
            changed = here.update(name=self.name, notes=self.notes, **now)
        if not changed:
            raise SystemConflict(AlloySystem.objects.select_related("changed_by").get(pk=self.pk))

    @staticmethod
    def key_of(elements: Iterable[str]) -> str:
        return "-".join(sorted(elements))

    @property
    def elements(self) -> tuple[str, ...]:
        """In the lab's order."""
        return tuple(self.name.split("-"))

    def clean(self) -> None:
        """The order of the elements can be changed, the set cannot."""
        if self.key and self.key_of(self.elements) != self.key:
            raise ValidationError(
                {
                    "name": ValidationError(
                        _("A system keeps its elements: write %(elements)s in any order, with dashes between."),
                        params={"elements": ", ".join(self.key.split("-"))},
                    )
                }
            )
