"""New calls, told to those who follow their samples and alloy systems."""

from __future__ import annotations

from collections import Counter, defaultdict

from django.db.models import Q
from django.urls import reverse

from samples.models import AlloySystem, Following, Notice, NoticeKind, Project, Sample, people_who_see
from screening.models.results import ScreeningResultQuerySet


def tell_followers(calls: ScreeningResultQuerySet) -> None:
    """Tell who follows a sample or an alloy system of ``calls``, once a system, that there are new ones of class A or B.

    Each is told how many they may see.
    """
    found = calls.production().filter(level__in=["A", "B"], reading__pattern__sample__isnull=False)
    of_sample = "reading__pattern__sample"
    rows = list(found.values_list(of_sample, f"{of_sample}__system", f"{of_sample}__project"))
    n_of_sample = Counter(sample for sample, _system, _project in rows)
    if not n_of_sample:
        return
    n_of_system = Counter((system, project) for _sample, system, project in rows)
    closed = {p.pk: p for p in Project.objects.filter(pk__in={row[2] for row in rows}, is_closed=True)}
    followings = Following.objects.filter(Q(system__in={row[1] for row in rows}) | Q(sample__in=n_of_sample))
    followers: dict[AlloySystem | Sample, set[int]] = defaultdict(set)
    for following in followings.select_related("system", "sample__system", "sample__project"):
        followers[following.thing].add(following.person_id)
    for thing, people in followers.items():
        if isinstance(thing, Sample):
            told, n = people - followers.get(thing.system, set()), n_of_sample[thing.pk]
            address = thing.get_absolute_url()
            Notice.objects.tell(NoticeKind.CALLS, told, about=str(thing), address=address, n=n, sample=thing)
            continue
        n_told = dict.fromkeys(people, 0)
        for (system, project), n in n_of_system.items():
            if system == thing.pk:
                for person in _those_who_see(closed.get(project), people):
                    n_told[person] += n
        address = reverse("screening:system", args=[thing.key])
        for n in set(n_told.values()) - {0}:
            told = {person for person, told_n in n_told.items() if told_n == n}
            Notice.objects.tell(NoticeKind.CALLS, told, about=str(thing), address=address, n=n)


def _those_who_see(closed: Project | None, people: set[int]) -> set[int]:
    return set(people_who_see(closed).filter(pk__in=people).values_list("pk", flat=True)) if closed else people
