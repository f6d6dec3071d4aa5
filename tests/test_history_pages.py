"""The history as people read it: on every page that has one, on a page of its own, and for scripts."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone, translation
from pytest_django import DjangoAssertNumQueries, Settings

from mlmodels.models import Promotion
from samples.models import Pattern, Project, Sample, SynthesisStep
from screening.models import FollowUp
from tests.factories import SampleFactory, UserFactory, make_pattern
from tests.screening.reviewing import REASON, make_candidate, make_reviewer
from tests.screening.test_follow_ups import fill, phase

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def member(client: Client) -> User:
    person = UserFactory.create(username="student", roles=["member"])
    client.force_login(person)
    return person


def text_of(client: Client, address: str, **headers: str) -> str:
    response = client.get(address, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


class TestPages:
    @pytest.mark.parametrize("page", ["sample", "pattern", "system", "follow-up"])
    def test_each_page_unfolds_its_history(self, client: Client, member: User, page: str) -> None:
        sample = SampleFactory.create()
        pattern = make_pattern(sample=sample)
        follow_up = FollowUp.objects.open(sample, UserFactory.create(roles=["reviewer"]))
        address, pk = {
            "sample": (sample.get_absolute_url(), sample.pk),
            "pattern": (f"/patterns/{pattern.pk}/", pattern.pk),
            "system": (f"/systems/{sample.system.key}/", sample.system.pk),
            "follow-up": (follow_up.get_absolute_url(), follow_up.pk),
        }[page]
        history = f"/history/{page}/{pk}/"
        assert f'hx-get="{history}"' in text_of(client, address)
        part = text_of(client, history, **HTMX)
        assert "<html" not in part
        assert "Entered" in part
        assert part.split("<ol")[1] in text_of(client, history), "the page shows the same part"

    def test_the_form_asks_why_and_the_history_tells(self, client: Client, member: User) -> None:
        sample = SampleFactory.create(code="ASR-001", steps=[SynthesisStep(kind="crushing")])
        form = {"code": "ASR-001", "composition_text": "Al44Si31Ru25", "composition_unit": "at", "edition": "1"}
        rows = {f"{name}-{part}": "0" for name in ("steps", "masses") for part in ("TOTAL_FORMS", "INITIAL_FORMS")}
        assert client.post("/samples/ASR-001/edit/", {**form, **rows, "why": "a slip"}).status_code == 302
        page = text_of(client, f"/history/sample/{sample.pk}/")
        assert "Why: a slip" in page
        assert "<del>Al₄₃Si₃₂Ru₂₅</del>" in page
        assert "<ins>Al₄₄Si₃₁Ru₂₅</ins>" in page
        assert "Synthesis step 1" in page
        assert "(removed)" in page
        assert "student" in page

    def test_why_is_still_there_after_an_error(self, client: Client, member: User) -> None:
        SampleFactory.create(code="ASR-001")
        page = client.post("/samples/ASR-001/edit/", {"code": "ASR-001", "edition": "1", "why": "a slip"})
        assert 'value="a slip"' in page.content.decode()

    def test_signed_entries_stand_between_the_changes(self, client: Client, member: User) -> None:
        sample = SampleFactory.create()
        result = make_candidate(sample=sample)
        result.add_review(make_reviewer(), "follow_up", REASON)
        microscopist = UserFactory.create(roles=["microscopist"])
        follow_up = FollowUp.objects.open(sample, microscopist)
        fill(follow_up, microscopist, phase())
        follow_up.sign(microscopist, "refuted", "Nothing fivefold.")
        sample.archive(by=member)
        page = text_of(client, f"/history/sample/{sample.pk}/")
        told = ["Archived", "Outcome: refuted", "Review: follow up", "Entered"]
        assert sorted(told, key=page.rindex) == told
        assert REASON in page
        assert "signed, no. 1" in page
        assert "Outcome: refuted" in text_of(client, f"/history/follow-up/{follow_up.pk}/")
        assert "Review: follow up" in text_of(client, f"/history/pattern/{result.reading.pattern_id}/")
        version = Promotion.objects.earliest("pk").version
        assert f"Promotion: {version}" in text_of(client, f"/history/model/{version.pk}/")

    def test_a_pattern_that_came_and_went_is_told_on_both_pages(self, client: Client, member: User) -> None:
        first, second = SampleFactory.create(code="ASR-001"), SampleFactory.create(code="ASR-002")
        pattern = make_pattern(sample=first, name="cast.xy")
        pattern.move_to(second, member, "labels were swapped")
        for sample in (first, second):
            page = text_of(client, f"/history/sample/{sample.pk}/")
            assert "Moved" in page
            assert "cast.xy" in page
            assert "labels were swapped" in page

    def test_moments_are_in_the_labs_time(self, client: Client, member: User, settings: Settings) -> None:
        sample = SampleFactory.create()
        sample.archive(by=member)
        sample.refresh_from_db()
        with timezone.override("Asia/Tokyo"):
            settings.TIME_ZONE = "Asia/Tokyo"
            here = timezone.localtime(sample.archived_at).strftime("%Y-%m-%d %H:%M")
            assert f"<ins>{here}</ins>" in text_of(client, f"/history/sample/{sample.pk}/")

    def test_it_speaks_japanese(self, client: Client, member: User) -> None:
        sample = SampleFactory.create()
        Sample.objects.filter(pk=sample.pk).update(place="Box 1")
        with translation.override("ja"):
            page = text_of(client, f"/history/sample/{sample.pk}/", **{"Accept-Language": "ja"})
        assert "変更履歴" in page
        assert "場所" in page

    def test_it_comes_in_pages(self, client: Client, member: User) -> None:
        sample = SampleFactory.create()
        for n in range(30):
            Sample.objects.filter(pk=sample.pk).update(place=f"Box {n}")
        first, second = (text_of(client, f"/history/sample/{sample.pk}/?page={n}", **HTMX) for n in (1, 2))
        assert "Box 29" in first
        assert "Entered" not in first
        assert "Entered" in second
        assert 'hx-target="closest .history-entries"' in first

    def test_the_number_of_queries_does_not_grow(
        self, client: Client, member: User, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        sample = SampleFactory.create()
        for n in range(8):
            make_pattern(sample=sample).move_to(SampleFactory.create(code=f"X-{n}"), member)
            make_candidate(sample=sample).add_review(make_reviewer(), "follow_up", REASON)
        with django_assert_max_num_queries(14):
            client.get(f"/history/sample/{sample.pk}/")

    def test_a_person_is_told_of_to_admins_alone(self, client: Client, member: User) -> None:
        assert client.get(f"/history/person/{member.pk}/").status_code == 403

    def test_what_is_not_there_is_not_found(self, client: Client, member: User) -> None:
        for kind in ("sample", "pattern", "system", "follow-up", "phase", "model"):
            assert client.get(f"/history/{kind}/999999/").status_code == 404


class TestApi:
    def test_a_script_reads_the_same_story(self, client: Client, member: User) -> None:
        sample = SampleFactory.create(code="ASR-001", place="Box 1")
        Sample.objects.filter(pk=sample.pk).update(place="Box 2")
        answer = client.get("/api/v1/samples/ASR-001/history/").json()
        assert answer["count"] == 2
        newest = answer["results"][0]
        assert (newest["what"], newest["who"], newest["why"], newest["number"]) == (
            "Changed",
            "the lab itself",
            "",
            None,
        )
        assert newest["lines"] == [
            {"part": "", "what": "", "name": "place", "label": "Place", "before": "Box 1", "after": "Box 2"}
        ]

    def test_patterns_and_follow_ups_have_theirs(self, client: Client, member: User) -> None:
        pattern = make_pattern()
        pattern.mark_as(Pattern.Kind.BLANK, member)
        answer = client.get(f"/api/v1/patterns/{pattern.pk}/history/").json()
        assert answer["results"][0]["lines"][0]["after"] == "blank or holder scan"
        follow_up = FollowUp.objects.open(SampleFactory.create(), UserFactory.create(roles=["reviewer"]))
        assert client.get(f"/api/v1/follow-ups/{follow_up.pk}/history/").json()["count"] == 1
        assert client.get("/api/v1/samples/NOWHERE/history/").status_code == 404


class TestWhoSeesWhat:
    @pytest.fixture
    def hidden(self) -> Sample:
        """A sample of a closed project, to which the member does not belong."""
        leader = UserFactory.create(username="leader", roles=["member"])
        project = Project.objects.begin(by=leader, leaders=[leader], key="secret", name="The secret project")
        return SampleFactory.create(code="SECRET-1", project=project, made_by=leader)

    def test_the_history_of_what_one_may_not_see_is_not_found(
        self, client: Client, member: User, hidden: Sample
    ) -> None:
        pattern = make_pattern(sample=hidden)
        follow_up = FollowUp.objects.open(hidden, UserFactory.create(roles=["reviewer"]))
        for kind, pk in (("sample", hidden.pk), ("pattern", pattern.pk), ("follow-up", follow_up.pk)):
            assert client.get(f"/history/{kind}/{pk}/").status_code == 404
        assert client.get("/api/v1/samples/SECRET-1/history/").status_code == 404

    def test_no_title_leaks_into_the_history_of_what_one_sees(
        self, client: Client, member: User, hidden: Sample
    ) -> None:
        sample = SampleFactory.create(code="ASR-001")
        came = make_pattern(sample=hidden, name="came.xy", by=member)
        went = make_pattern(sample=sample, name="went.xy", by=member)
        came.move_to(sample, member, "belongs here")
        went.move_to(hidden, member, "of the secret project")
        Sample.objects.filter(pk=sample.pk).update(parent=hidden)
        for address in (f"/history/sample/{sample.pk}/", "/api/v1/samples/ASR-001/history/"):
            page = text_of(client, address)
            assert "came.xy" in page
            assert "Something was changed that you may not see." in page
            for told in ("SECRET", "secret project", "went.xy"):
                assert told not in page, address

    def test_who_may_see_it_reads_all(self, client: Client, hidden: Sample) -> None:
        client.force_login(User.objects.get(username="leader"))
        assert "The secret project" in text_of(client, f"/history/sample/{hidden.pk}/")
