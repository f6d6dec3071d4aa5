"""Searches of the sample list that people keep under a name."""

from __future__ import annotations

from functools import reduce
from operator import or_
from urllib.parse import urlencode

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from samples.models import Project, Viewer, hidden_from


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def kept(self) -> SavedViewQuerySet:
        return self.filter(trashed_at=None)

    def visible_to(self, person: Viewer) -> SavedViewQuerySet:
        """A person's own ones, and those that somebody shares (also after they left) that ask for no project closed to this person."""
        closed = Project.objects.filter(pk__in=hidden_from(person)) if hidden_from(person) else ()
        asks = [Q(query__icontains=f"project:{project.key}") for project in closed]
        hidden = reduce(or_, asks, Q(pk=None))
        return self.filter(Q(owner=person.pk) | Q(~hidden, shared=True)).select_related("owner")


class SavedView(models.Model):
    """What is asked of the sample list, in which order and columns; it holds these parts and no address."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="saved_views", verbose_name=_("owner")
    )
    name = models.CharField(_("name"), max_length=80)
    query = models.CharField(_("search"), max_length=1000, blank=True)
    sort = models.CharField(_("order"), max_length=20)
    columns = models.JSONField(_("columns"), default=list)
    shared = models.BooleanField(_("shared with the lab"), default=False)
    made_at = models.DateTimeField(_("made at"), auto_now_add=True)
    trashed_at = models.DateTimeField(_("put into the trash at"), null=True, editable=False)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"], condition=Q(trashed_at=None), name="one_saved_view_a_name"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The sample list as it was saved."""
        return f"{reverse('screening:sample-list')}?{urlencode(self.asked)}"

    @property
    def asked(self) -> dict[str, str]:
        """As it stands in the address of the list."""
        return {"q": self.query, "sort": self.sort, "columns": ",".join(self.columns), "view": str(self.pk)}

    def trash(self) -> None:
        self.trashed_at = timezone.now()
        self.save(update_fields=["trashed_at"])

    def restore(self) -> None:
        """Out of the trash again; under another name where it is taken meanwhile."""
        taken = set(SavedView.objects.kept().filter(owner=self.owner_id).values_list("name", flat=True))
        names = (self.name, *(f"{self.name[:70]} ({number})" for number in range(2, len(taken) + 3)))
        self.name = next(name for name in names if name not in taken)
        self.trashed_at = None
        self.save(update_fields=["trashed_at", "name"])
