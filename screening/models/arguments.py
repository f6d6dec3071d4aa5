"""Why a call was made: kept in a row of its own, so that no list of results carries it along."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _

from samples.models.unchanging import UnchangingError


class Argument(models.Model):
    """The reflections that speak for a call and against it, as :mod:`mlmodels.net.argument` found them with the prediction."""

    result = models.OneToOneField(
        "screening.ScreeningResult",
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="argument",
        verbose_name=_("screening result"),
    )
    content = models.JSONField(_("reflections for and against"), editable=False)

    class Meta:
        verbose_name = _("argument for a call")
        verbose_name_plural = _("arguments for calls")

    def __str__(self) -> str:
        return str(self.result)

    def save(self, **options: Any) -> None:
        if not self._state.adding:
            raise UnchangingError(f"The argument of result {self.pk} does not change")
        super().save(**options)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise UnchangingError(f"The argument of result {self.pk} is evidence and is not deleted")
