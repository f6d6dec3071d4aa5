"""Rows that are evidence: written once."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models


class UnchangingError(TypeError):
    """Somebody tried to change or delete what was measured or said; a correction makes a new row."""


class Unchanging(models.Model):
    """A row that is written once, and neither changed nor deleted."""

    class Meta:
        abstract = True

    def save(self, **options: Any) -> None:
        if not self._state.adding:
            raise UnchangingError(f"{self._meta.label} {self.pk} is evidence and does not change")
        super().save(**options)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise UnchangingError(f"{self._meta.label} {self.pk} is evidence and is not deleted")
