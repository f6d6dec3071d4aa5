"""The history of everything that has one: a part that pages unfold, and a page of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from lims.models import Person
from mlmodels.models import ModelVersion, Promotion
from samples.models import AlloySystem, Change, Pattern, Project, Sample
from samples.models.changes import label_of
from samples.story import Story
from screening.histories import story_of_sample
from screening.models import FollowUp, MatchingRule, Outcome, ReferencePhase, Review
from screening.views import PageRequest

ENTRIES_A_PAGE = 25


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing that has a history.

    signed: the signed entries between its changes · page: the address of the thing itself
    """

    things: Callable[[], QuerySet[Any]]
    permission: str
    page: Callable[[Any], str]
    signed: Callable[[Any], Mapping[str, QuerySet[Any]]] = field(default=lambda _thing: {})

    def seen_by(self, reader: User) -> QuerySet[Any]:
        """All of this kind whose history ``reader`` may read: that of what they see."""
        if not reader.has_perm(self.permission):
            raise PermissionDenied
        things: Any = self.things()
        seen: QuerySet[Any] = things.visible_to(reader) if hasattr(things, "visible_to") else things
        return seen

    def story(self, thing: Any, reader: User) -> Story:
        if isinstance(thing, Sample):
            return story_of_sample(thing, reader)
        changes = Change.objects.of(type(thing), [thing.pk])
        return Story(reader, (label_of(type(thing)), thing.pk), changes, self.signed(thing))


KINDS: dict[str, Kind] = {
    "sample": Kind(
        Sample.objects.all,
        "samples.view_sample",
        Sample.get_absolute_url,
    ),
    "pattern": Kind(
        Pattern.objects.all,
        "samples.view_pattern",
        Pattern.get_absolute_url,
        signed=lambda pattern: {"review": Review.objects.filter(result__reading__pattern=pattern)},
    ),
    "project": Kind(Project.objects.all, "samples.view_project", Project.get_absolute_url),
    "system": Kind(
        AlloySystem.objects.all,
        "samples.view_alloysystem",
        lambda system: reverse("screening:system", args=[system.key]),
    ),
    "follow-up": Kind(
        lambda: FollowUp.objects.select_related("sample"),
        "screening.view_followup",
        FollowUp.get_absolute_url,
        signed=lambda follow_up: {
            "review": Review.objects.filter(follow_up=follow_up),
            "outcome": Outcome.objects.filter(follow_up=follow_up),
        },
    ),
    "phase": Kind(
        lambda: ReferencePhase.objects.defer("sticks"),
        "screening.view_referencephase",
        lambda _phase: reverse("screening:phases"),
    ),
    "model": Kind(
        lambda: ModelVersion.objects.defer("config"),
        "mlmodels.view_modelversion",
        lambda version: reverse("screening:model", args=[version.pk]),
        signed=lambda version: {"promotion": Promotion.objects.filter(Q(version=version) | Q(former=version))},
    ),
    "person": Kind(Person.objects.all, "auth.change_user", lambda person: reverse("person", args=[person.pk])),
}
"""Name in the address → what it is; who may see a thing may read its history."""


def history(request: PageRequest, kind: str, pk: int) -> HttpResponse:
    """What became of one thing, newest first; the part alone where a page unfolds it."""
    told = KINDS[kind]
    thing = get_object_or_404(told.seen_by(request.user), pk=pk)
    return _page(request, told.story(thing, request.user), str(thing), told.page(thing))


def rules_history(request: PageRequest) -> HttpResponse:
    """The matching rules have one history together."""
    if not request.user.has_perm("samples.view_pattern"):
        raise PermissionDenied
    story = Story(request.user, (label_of(MatchingRule), 0), Change.objects.of(MatchingRule, [0]))
    return _page(request, story, str(_("Matching rules")), reverse("screening:rules"))


def _page(request: PageRequest, story: Story, title: str, page_of_thing: str) -> HttpResponse:
    page = Paginator(story.moments(), ENTRIES_A_PAGE).get_page(request.GET.get("page"))
    context = {"title": title, "page_of_thing": page_of_thing, "page": page, "entries": story.tell(page.object_list)}
    return render(request, "history/_entries.html" if request.htmx else "history/history.html", context)


urlpatterns = [
    *(path(f"history/{kind}/<int:pk>/", history, {"kind": kind}, name=f"history-{kind}") for kind in KINDS),
    path("history/rules/", rules_history, name="history-rules"),
]
