"""The lab's reference phases: structures that members bring as CIF, to be laid over a pattern as sticks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from samples.models.acts import changes_by
from samples.models.traced import TracedModel, TracedQuerySet
from samples.originals import Original, keep
from samples.xrd.crystal import read_crystal


class ReferencePhaseQuerySet(TracedQuerySet["ReferencePhase"]):
    def current(self) -> ReferencePhaseQuerySet:
        return self.filter(archived_at=None)

    def within(self, elements: Iterable[str]) -> list[ReferencePhase]:
        """Those that a sample of ``elements`` may hold: no other element is in them."""
        allowed = set(elements)
        return [phase for phase in self.defer("sticks") if allowed.issuperset(phase.elements)]

    def bring(self, content: bytes, by: User, *, name: str = "") -> ReferencePhase:
        """Keep a CIF and its sticks; the one that is here already for the same bytes, taken out of the archive.

        CrystalFileError where it is no structure.
        """
        crystal = read_crystal(content)
        original = keep(content)
        with changes_by(by):
            phase, made = self.get_or_create(
                sha256=original.sha256,
                defaults={
                    "name": (name.strip() or crystal.name)[:120],
                    "formula": crystal.formula[:200],
                    "elements": list(crystal.elements),
                    "space_group": crystal.space_group,
                    "cell": list(crystal.cell),
                    "sticks": crystal.sticks(),
                    "cif": original.name,
                    "size": original.size,
                    "brought_by": by,
                },
            )
            if not made and phase.archived_at:
                phase.restore(by)
        return phase


class ReferencePhase(TracedModel):
    """One known structure; its CIF stays as it came, its sticks are computed once."""

    untraced = frozenset({"elements", "cell", "sticks", "cif", "size", "sha256", "brought_by", "brought_at"})

    name = models.CharField(_("name"), max_length=120)
    formula = models.CharField(_("formula"), max_length=200)
    elements = models.JSONField(_("elements"), default=list, editable=False)
    space_group = models.CharField(_("space group"), max_length=30)
    cell = models.JSONField(_("cell (Å, °)"), default=list, editable=False)
    sticks = models.JSONField(_("sticks"), default=list, editable=False)
    sha256 = models.CharField("SHA-256", max_length=64, unique=True, editable=False)
    cif = models.FileField(_("original CIF"), upload_to="patterns/", editable=False)
    size = models.PositiveBigIntegerField(_("size (bytes)"), editable=False)
    brought_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("brought by")
    )
    brought_at = models.DateTimeField(_("brought at"), auto_now_add=True)
    archived_at = models.DateTimeField(_("archived at"), null=True, blank=True, editable=False)

    objects = ReferencePhaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("reference phase")
        verbose_name_plural = _("reference phases")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def original(self) -> Original:
        return Original(self.sha256, str(self.cif.name), self.size)

    @property
    def cell_text(self) -> str:
        a, b, c, *angles = self.cell
        lengths = [f"{length:.4g}" if length < 10 else f"{length:.5g}" for length in (a, b, c)]
        said = f"a = {lengths[0]} Å" if len(set(lengths)) == 1 else " × ".join(lengths) + " Å"
        bent = [f"{angle:.4g}°" for angle in angles if abs(angle - 90) > 1e-3]
        return ", ".join([said, *bent])

    def archive(self, by: User, why: str = "") -> None:
        """Offer it no more; verdicts that name it keep it."""
        self._set_archived(timezone.now(), by, why)

    def restore(self, by: User, why: str = "") -> None:
        self._set_archived(None, by, why)

    def _set_archived(self, moment: Any, by: User, why: str) -> None:
        self.archived_at = moment
        with changes_by(by, why):
            self.save(update_fields=["archived_at"])
