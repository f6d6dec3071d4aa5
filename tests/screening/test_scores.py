"""How alloy systems stand in a large lab: what takes long to count is kept for a while, for those who see the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache

from samples.models import Project
from screening import scores
from screening.scores import system_standings
from tests.factories import SampleFactory, UserFactory, make_pattern
from tests.screening.calls import a_version, make_result

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def an_empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def n_screened(person: User) -> int:
    return sum(standing.n_screened for standing in system_standings(person))


def test_what_is_counted_quickly_is_always_of_this_moment() -> None:
    student, version = UserFactory.create(), a_version()
    make_result(make_pattern(sample=SampleFactory.create()), version)
    assert n_screened(student) == 1
    make_result(make_pattern(sample=SampleFactory.create()), version)
    assert n_screened(student) == 2


def test_what_took_long_serves_those_who_see_the_same_projects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "WORTH_KEEPING", -1)
    monkeypatch.setattr(scores, "KEPT_FOR", 1e6)
    leader, student = UserFactory.create(roles=["member"]), UserFactory.create(roles=["member"])
    project = Project.objects.begin(by=UserFactory.create(roles=["admin"]), key="yb", name="Yb hunt", leaders=[leader])
    version = a_version()
    make_result(make_pattern(sample=SampleFactory.create(project=project, made_by=leader)), version)
    assert (n_screened(leader), n_screened(student)) == (1, 0)
    make_result(make_pattern(sample=SampleFactory.create()), version)
    assert (n_screened(leader), n_screened(student)) == (1, 0), "still the counts of a moment ago"
    cache.clear()
    assert (n_screened(leader), n_screened(student)) == (2, 1)


@pytest.mark.django_db(transaction=True)
def test_who_comes_late_is_shown_the_old_counts_while_one_counts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "WORTH_KEEPING", -1)
    monkeypatch.setattr(scores, "KEPT_FOR", 1e6)
    student, version = UserFactory.create(roles=["member"]), a_version()
    make_result(make_pattern(sample=SampleFactory.create()), version)
    assert n_screened(student) == 1
    make_result(make_pattern(sample=SampleFactory.create()), version)
    late = SimpleNamespace(time=lambda: time.time() + 1e9, perf_counter=time.perf_counter)
    monkeypatch.setattr(scores, "time", late)
    before = set(threading.enumerate())
    assert n_screened(student) == 1
    for thread in set(threading.enumerate()) - before:
        thread.join(20)
    assert n_screened(student) == 2
