"""The argument for a call: stored with it by the worker, said by the page of its pattern."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from mlmodels.models import ModelVersion
from mlmodels.net.argument import make_argument
from mlmodels.net.grid import CANDIDATES, N_CANDIDATES
from mlmodels.net.simulate import simulate_pattern
from samples.models import Pattern
from samples.models.unchanging import UnchangingError
from screening.models import Argument, ScreeningResult, ScreeningRun
from screening.tasks import screen_waiting
from tests.factories import UserFactory, make_pattern
from tests.screening.calls import a_version, make_result

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(client: Client) -> User:
    user = UserFactory.create(username="student", roles=["member"])
    client.force_login(user)
    return user


def argued(result: ScreeningResult, *, weighed: bool = True) -> Argument:
    """An argument as the worker writes it, on a simulated pattern of which one line is taken away."""
    scan = simulate_pattern("icosahedral", 4.353, "F", 0.5, seed=1)
    evidence = [0.0] * N_CANDIDATES
    evidence[int(abs(CANDIDATES - 4.353).argmin())] = 1.0
    content = make_argument(scan, 4.353, "F", 0.9994, evidence, [1.25] * 18 + [-0.75] if weighed else None)
    line = next(line for line in content["lines"] if line["n"] == 52)
    line |= {"verdict": "missing", "limit": 0.004}
    del line["offset"]
    return Argument.objects.create(result=result, content=content)


def page_of(client: Client, pattern: Pattern) -> str:
    return " ".join(client.get(f"/patterns/{pattern.pk}/").content.decode().split())


def test_the_worker_keeps_an_argument_with_each_call(tiny_version: ModelVersion, person: User) -> None:
    run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, person)
    readings = [make_pattern(by=person, name=f"{i}.xy").readings.get() for i in range(3)]
    ScreeningResult.objects.enqueue(run, readings)
    screen_waiting()
    rows = list(ScreeningResult.objects.done())
    assert len(rows) == Argument.objects.count() == 3
    for row in rows:
        content = row.argument.content
        assert content["quasilattice_constant"] == pytest.approx(row.quasilattice_constant, abs=1e-4)
        assert content["lattice_type"] == row.lattice_type
        assert row.probability is not None
        assert ("other_log_odds" in content) == (row.probability >= 0.01)


def test_an_argument_neither_changes_nor_goes(member: User) -> None:
    argument = argued(make_result(make_pattern(), a_version()))
    with pytest.raises(UnchangingError):
        argument.save()
    with pytest.raises(UnchangingError):
        argument.delete()


class TestPage:
    def test_says_what_is_seen_and_what_is_missing(self, client: Client, member: User) -> None:
        pattern = make_pattern()
        argued(make_result(pattern, a_version()))
        page = page_of(client, pattern)
        for said in (
            "9 of the 10 strong reflections expected in this range are seen.",
            "Expected and missing: 52/84.",
            "strong peaks belong to another phase.",
            "a<sub>R</sub> is known modulo τ",
            'data-alternative="2.6903"',
            "7.043 Å",
            "1/1 approximant: p = 0.0004; it would have a cubic a = 11.98 Å.",
            "18/29 (2 1 1 1 1 1)",
            "+1.2",
            "All its other lines together: −0.8.",
        ):
            assert said in page, said

    def test_the_argument_comes_with_the_call(self, client: Client, member: User) -> None:
        pattern = make_pattern()
        argued(make_result(pattern, a_version()))
        part = client.get(f"/patterns/{pattern.pk}/call/", headers={"HX-Request": "true"}).content.decode()
        assert '<div id="why" class="mb-3" hx-swap-oob="true">' in part
        assert "why-facts" in part

    def test_an_unlikely_call_says_that_lines_were_not_weighed(self, client: Client, member: User) -> None:
        pattern = make_pattern()
        argued(make_result(pattern, a_version()), weighed=False)
        page = page_of(client, pattern)
        assert "was not asked what each line weighs" in page
        assert "All its other lines" not in page

    def test_nothing_is_invented_where_there_is_no_argument(self, client: Client, member: User) -> None:
        older, reported = make_pattern(), make_pattern()
        version = a_version()
        make_result(older, version)
        make_result(reported, version, state="done", level="B")
        assert "before reflections were kept with it" in page_of(client, older)
        page = page_of(client, reported)
        assert "reported as a class alone" in page
        assert "why-facts" not in page

    def test_it_goes_with_the_record(self, client: Client, member: User) -> None:
        pattern = make_pattern()
        argument = argued(make_result(pattern, a_version()))
        make_result(pattern, ModelVersion.objects.create(name="other", sha256="1" * 64))
        results = client.get(f"/readings/{pattern.readings.get().pk}/pattern.json").json()["results"]
        assert sorted((one["argument"] or {}).get("version", 0) for one in results) == [0, 1]
        assert argument.content in [one["argument"] for one in results]
