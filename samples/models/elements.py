"""The elements beside each sample, so that samples are found by what they hold."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SampleElement(models.Model):
    """One element of a sample's nominal composition, with its amount."""

    sample = models.ForeignKey(
        "samples.Sample", on_delete=models.CASCADE, related_name="elements", verbose_name=_("sample")
    )
    element = models.CharField(_("element"), max_length=2)
    amount = models.DecimalField(_("amount (at.%)"), max_digits=12, decimal_places=4)

    class Meta:
        verbose_name = _("element")
        verbose_name_plural = _("elements")
        ordering = ["sample", "-amount"]
        constraints = [models.UniqueConstraint(fields=["sample", "element"], name="one_row_an_element")]
        indexes = [
            models.Index(fields=["element", "sample"], name="element_samples"),
            models.Index(fields=["element", "amount", "sample"], name="element_amounts"),
        ]

    def __str__(self) -> str:
        return f"{self.element} {self.amount}"
