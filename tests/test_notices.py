"""Notices in the app and by mail, and what is switched off."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django_q.models import Schedule
from pytest_django import DjangoAssertNumQueries, Settings

from lims.digests import SCHEDULE, send_digests, send_every_day
from samples.models import Following, Notice, NoticeChoice, NoticeKind
from samples.xrd.sentences import sentence
from screening.models import FollowUp, ScreeningResult
from screening.telling import tell_followers
from tests.factories import SampleFactory, UserFactory, make_pattern
from tests.screening.calls import a_version, make_result
from tests.screening.reviewing import make_reviewer

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(client: Client) -> User:
    anna = UserFactory.create(username="anna", roles=["member"], email="anna@lab.example")
    client.force_login(anna)
    return anna


def tell(person: User, about: str = "ASR-001", **said: object) -> None:
    address = f"/samples/{about}/"
    Notice.objects.tell(NoticeKind.COMMENT, {person.pk}, about=about, address=address, **said)  # type: ignore[arg-type]


def sentences(person: User) -> list[str]:
    return [notice.sentence for notice in Notice.objects.of(person)]


class TestPages:
    def test_the_bell_counts_and_opening_reads(self, client: Client, anna: User) -> None:
        tell(anna)
        tell(anna, "ASR-002", n=3)
        assert ">2<" in client.get("/notices/bell/").content.decode()
        page = client.get("/notices/").content.decode()
        assert "3 new comments on ASR-002" in page
        newest = Notice.objects.of(anna)[0]
        assert client.get(f"/notices/{newest.pk}/")["Location"] == "/samples/ASR-002/"
        assert ">1<" in client.get("/notices/bell/").content.decode()
        client.post("/notices/read/")
        assert client.get("/notices/bell/").content.decode().strip() == ""

    def test_those_of_others_are_not_opened(self, client: Client, anna: User) -> None:
        other = UserFactory.create()
        tell(other)
        assert client.get(f"/notices/{Notice.objects.get().pk}/").status_code == 404
        client.post("/notices/read/")
        assert Notice.objects.unread().count() == 1

    def test_the_bell_of_a_signed_out_page_is_silent(self, client: Client) -> None:
        assert client.get("/notices/bell/").status_code == 204

    def test_takes_as_many_queries_for_many(
        self, client: Client, anna: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for n in range(30):
            tell(anna, f"ASR-{n}", by=UserFactory.create())
        with django_assert_num_queries(
            7
        ):  # session, person, projects closed to them, how many, notices, permissions twice
            client.get("/notices/")
        with django_assert_num_queries(4):
            client.get("/notices/bell/")

    def test_each_kind_can_be_switched_off_in_the_app_and_by_mail(self, client: Client, anna: User) -> None:
        kept = {f"{kind}-{way}": "on" for kind in NoticeKind for way in ("in_app", "by_mail")}
        del kept["comment-in_app"], kept["calls-by_mail"]
        for _twice in range(2):
            assert client.post("/settings/", {"mail": "a@lab.example", **kept}).status_code == 302
        off = NoticeChoice.objects.exclude(in_app=True, by_mail=True).values_list("kind", "in_app", "by_mail")
        assert set(off) == {("comment", False, True), ("calls", True, False)}
        assert User.objects.get(pk=anna.pk).email == "a@lab.example"
        tell(anna)
        assert sentences(anna) == []
        assert Notice.objects.get().mail_due
        assert client.post("/settings/", {"mail": "nobody"}).status_code == 422


class TestTelling:
    def test_many_people_take_as_many_queries_as_one(
        self, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        people = {UserFactory.create().pk for _ in range(20)}
        for _twice in range(2):
            with django_assert_max_num_queries(8):
                Notice.objects.tell(NoticeKind.CALLS, people, about="Al-Si-Ru", address="/systems/Al-Ru-Si/", n=12)
        assert {notice.n for notice in Notice.objects.all()} == {24}
        assert str(Notice.objects.first()) == "Al-Si-Ru: 24 new calls of class A or B."

    def test_new_calls_are_told_once_a_system(self, anna: User) -> None:
        version = a_version()
        samples = [
            SampleFactory.create(),
            SampleFactory.create(),
            SampleFactory.create(composition_text="Al63Cu25Fe12"),
        ]
        ben = UserFactory.create()
        Following.objects.begin(anna, samples[0].system)
        Following.objects.begin(anna, samples[0])
        Following.objects.begin(ben, samples[1])
        calls = [make_result(make_pattern(sample=sample), version) for sample in samples for _ in range(2)]
        tell_followers(ScreeningResult.objects.filter(pk__in=[call.pk for call in calls]))
        assert sentences(anna) == ["Al-Si-Ru: 4 new calls of class A or B."]
        assert sentences(ben) == [f"{samples[1]}: 2 new calls of class A or B."]

    def test_a_pattern_that_failed_for_good_is_told_its_uploader(self, anna: User) -> None:
        pattern = make_pattern(name="odd.xy", by=anna)
        result = make_result(pattern, a_version(), state="running", attempts=3)
        assert result.give_back(sentence("No."))
        assert sentences(anna) == ["1 pattern that you uploaded could not be screened: odd.xy."]
        assert Notice.objects.get().address == f"/runs/{result.run_id}/"

    def test_a_follow_up_is_told_whom_it_is_assigned_to(self, anna: User) -> None:
        reviewer = make_reviewer(username="rita")
        follow_up = FollowUp.objects.open(SampleFactory.create(code="ASR-001"), reviewer, assigned_to=anna)
        assert sentences(anna) == ["rita assigned you a follow-up of ASR-001."]
        follow_up.plan(by=reviewer, edition=1, question="which lattice?")
        assert Notice.objects.get().n == 1
        other = UserFactory.create()
        follow_up.plan(by=reviewer, edition=2, assigned_to=other)
        assert len(sentences(other)) == 1


class TestMail:
    @pytest.fixture(autouse=True)
    def lab_that_sends(self, settings: Settings) -> None:
        settings.SENDS_MAIL, settings.PUBLIC_ADDRESS = True, "https://lab.example"

    def test_one_mail_a_person_and_nothing_twice(self, anna: User) -> None:
        ben = UserFactory.create(email="ben@lab.example")
        UserFactory.create(email="")
        tell(anna)
        tell(anna, "ASR-002")
        tell(ben)
        assert send_digests() == 2
        mailed = {message.to[0]: message for message in mail.outbox}
        assert mailed["anna@lab.example"].subject == "Icosa: 2 notices"
        assert "https://lab.example/samples/ASR-002/" in mailed["anna@lab.example"].body
        assert send_digests() == 0
        tell(anna)
        assert send_digests() == 1

    def test_what_is_read_or_switched_off_is_not_mailed(self, anna: User) -> None:
        tell(anna)
        Notice.objects.mark_read()
        NoticeChoice.objects.create(person=anna, kind="comment", by_mail=False)
        tell(anna, "ASR-002")
        assert send_digests() == 0
        assert len(sentences(anna)) == 2

    def test_a_mail_that_fails_is_tried_again(self, anna: User, settings: Settings) -> None:
        tell(anna)
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        assert send_digests() == 0
        assert Notice.objects.get().mail_due

    def test_the_worker_sends_them_every_day_where_the_lab_has_mail(self, settings: Settings) -> None:
        for _twice in range(2):
            send_every_day()
        assert Schedule.objects.get(name=SCHEDULE).next_run is not None
        settings.SENDS_MAIL = False
        send_every_day()
        assert not Schedule.objects.filter(name=SCHEDULE).exists()
        with pytest.raises(CommandError, match="ICOSA_MAIL"):
            call_command("send_digests")
