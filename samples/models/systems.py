"""Alloy systems: one for each set of elements."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _


class AlloySystemQuerySet(models.QuerySet["AlloySystem"]):
    def for_elements(self, elements: Iterable[str]) -> AlloySystem:
        """The system of this set of elements; made now, in this order, if no sample had them before."""
        order = tuple(elements)
        system, _made = self.get_or_create(key=AlloySystem.key_of(order), defaults={"name": "-".join(order)})
        return system


class AlloySystem(models.Model):
    """A set of elements, e.g. Al-Si-Ru; made by the first sample that has it."""

    key = models.CharField(_("elements in alphabetical order"), max_length=200, unique=True, editable=False)
    name = models.CharField(
        _("name"), max_length=200, help_text=_("The elements in the order that the lab writes them, like Al-Si-Ru.")
    )
    notes = models.TextField(_("notes"), blank=True)
    made_at = models.DateTimeField(_("made at"), auto_now_add=True)

    objects = AlloySystemQuerySet.as_manager()

    class Meta:
        verbose_name = _("alloy system")
        verbose_name_plural = _("alloy systems")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

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
