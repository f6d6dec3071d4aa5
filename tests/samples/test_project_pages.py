"""The pages of projects, and ways in which other systems let people past them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from lims.models import ApiKey, Person
from samples.models import Comment, Following, Notice, NoticeKind, Pattern, Project, Sample
from tests.factories import SampleFactory, UserFactory, make_pattern, pattern_text

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> User:
    return UserFactory.create(username="chief", roles=["admin"])


@pytest.fixture
def leader() -> User:
    return UserFactory.create(username="leader", roles=["member"])


@pytest.fixture
def member() -> User:
    return UserFactory.create(username="mori", roles=["member"])


@pytest.fixture
def outsider() -> User:
    return UserFactory.create(username="kato", roles=["member"])


@pytest.fixture
def closed(admin: User, leader: User, member: User) -> Project:
    project = Project.objects.begin(by=admin, key="yb", name="Yb hunt", leaders=[leader])
    project.take_in(member, by=leader)
    return project


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


class TestPages:
    def test_an_admin_begins_one_and_its_leader_takes_people_in(self, admin: User, leader: User, member: User) -> None:
        said = {"name": "Yb hunt", "key": "ｙｂ", "leader": leader.pk, "is_closed": "on"}
        assert signed_in(admin).post("/projects/", said).status_code == 302
        project = Project.objects.get(key="yb")
        page = f"/projects/{project.pk}/"
        assert signed_in(leader).post(f"{page}members/", {"person": member.pk, "place": "member"}).status_code == 302
        content = signed_in(member).get(page).content.decode()
        assert "mori" in content
        assert "Make leader" not in content

    def test_a_member_and_an_outsider_change_nothing(self, closed: Project, member: User, outsider: User) -> None:
        page = f"/projects/{closed.pk}/"
        for address, sent in (
            ("", {"name": "x", "key": "x"}),
            ("members/", {"person": outsider.pk, "place": "leader"}),
            ("change/", {"to": "open"}),
        ):
            assert signed_in(member).post(page + address, sent).status_code == 403
            assert signed_in(outsider).post(page + address, sent).status_code == 404
        closed.refresh_from_db()
        assert closed.is_closed
        assert closed.memberships.count() == 2

    def test_the_list_shows_the_closed_one_to_its_people_alone(
        self, closed: Project, member: User, outsider: User, admin: User
    ) -> None:
        told = ["Yb hunt" in signed_in(who).get("/projects/").content.decode() for who in (member, admin, outsider)]
        assert told == [True, True, False]

    def test_the_last_leader_of_a_closed_project_stays(self, closed: Project, leader: User) -> None:
        for place in ("out", "member"):
            signed_in(leader).post(f"/projects/{closed.pk}/members/", {"person": leader.pk, "place": place})
            assert closed.may_be_led_by(leader)

    def test_a_key_is_taken_in_any_case(self, closed: Project, admin: User, leader: User) -> None:
        said = {"name": "Another", "key": "YB", "leader": leader.pk}
        assert signed_in(admin).post("/projects/", said).status_code == 422


class TestSamples:
    def test_is_logged_into_a_project_and_found_by_its_key(self, closed: Project, member: User, outsider: User) -> None:
        rows = {f"{name}-{count}_FORMS": 0 for name in ("steps", "masses") for count in ("TOTAL", "INITIAL")}
        said = {"composition_text": "Al6Mn", "composition_unit": "at", "code": "YB-1", **rows}
        signed_in(outsider).post("/samples/new/", said | {"project": closed.pk})
        assert not Sample.objects.filter(project=closed).exists()
        assert signed_in(member).post("/samples/new/", said | {"project": closed.pk, "code": "YB-2"}).status_code == 302
        assert "YB-2" in signed_in(member).get("/samples/?q=project:YB").content.decode()
        assert "YB-2" not in signed_in(outsider).get("/samples/?q=project:yb").content.decode()

    def test_a_shared_view_of_a_closed_project_is_not_shown_to_others(
        self, closed: Project, member: User, outsider: User
    ) -> None:
        said = {"name": "Our Yb", "query": "project:yb", "sort": "-logged", "columns": "code", "shared": "on"}
        assert signed_in(member).post("/views/save/", said).status_code == 302
        assert "Our Yb" not in signed_in(outsider).get("/views/").content.decode()


class TestMoving:
    """Rights on both sides: out by a leader, from the lab by who logged it, in by a member."""

    def move(self, person: User, sample: Sample, to: Project | None) -> int:
        sent = {"project": to.pk if to else ""}
        return signed_in(person).post(f"/samples/{sample.code}/project/", sent).status_code

    def test_takes_the_family_along(self, closed: Project, leader: User) -> None:
        sample = SampleFactory.create(project=closed, made_by=leader)
        piece = SampleFactory.create(parent=sample, made_by=leader)
        assert self.move(leader, piece, None) == 302
        assert not Sample.objects.filter(project=closed).exists()
        assert self.move(leader, sample, closed) == 302
        assert Sample.objects.filter(project=closed).count() == 2

    def test_nobody_takes_what_is_not_theirs(
        self, closed: Project, member: User, leader: User, outsider: User, admin: User
    ) -> None:
        ours = Project.objects.begin(by=admin, key="ours", name="Ours", leaders=[outsider])
        hidden, of_lab = SampleFactory.create(project=closed, made_by=member), SampleFactory.create(made_by=leader)
        assert self.move(outsider, hidden, ours) == 404
        assert self.move(member, hidden, None) == 422
        assert self.move(member, of_lab, closed) == 422
        assert self.move(leader, of_lab, ours) == 422
        assert self.move(outsider, of_lab, ours) == 422
        assert set(Sample.objects.values_list("project", flat=True)) == {closed.pk, None}
        assert self.move(admin, hidden, ours) == 302

    def test_a_piece_cannot_be_tied_to_a_sample_of_another_project(self, closed: Project, member: User) -> None:
        SampleFactory.create(code="YB-1", project=closed, made_by=member)
        of_lab = SampleFactory.create(code="T-1", made_by=member)
        rows = {f"{name}-{count}_FORMS": 0 for name in ("steps", "masses") for count in ("TOTAL", "INITIAL")}
        said = {"composition_text": "Al6Mn", "composition_unit": "at", "code": "T-1", "parent": "YB-1", "edition": 1}
        page = signed_in(member).post("/samples/T-1/edit/", said | rows).content.decode()
        assert "YB-1 is not in the same project" in page
        of_lab.refresh_from_db()
        assert of_lab.parent is None


class TestUploads:
    def test_what_finds_no_sample_waits_in_the_closed_project_of_its_sender(
        self, closed: Project, member: User, leader: User, outsider: User
    ) -> None:
        signed_in(member).post(
            "/upload/", {"project": closed.pk, "files": SimpleUploadedFile("odd.xy", pattern_text(seed=1))}
        )
        _key, secret = ApiKey.objects.issue(member, name="a", scopes=["upload"], valid_for=timedelta(days=1))
        sent = {"file": SimpleUploadedFile("even.xy", pattern_text(seed=2))}
        answer = Client().post("/api/v1/patterns/", sent, headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 201
        assert set(Pattern.objects.values_list("project", flat=True)) == {closed.pk}
        seen = ["odd.xy" in signed_in(who).get("/inbox/").content.decode() for who in (leader, outsider)]
        assert seen == [True, False]

    def test_a_name_finds_no_sample_that_the_sender_may_not_see(
        self, closed: Project, member: User, outsider: User
    ) -> None:
        SampleFactory.create(code="YB-1", project=closed, made_by=member)
        signed_in(outsider).post("/upload/", {"files": SimpleUploadedFile("YB-1.xy", pattern_text(seed=3))})
        assert Pattern.objects.get().sample is None


class TestThoseWhoLeft:
    """Of an admin and of a member: sessions and keys end; what they could see is seen no more."""

    @pytest.mark.parametrize("role", ["admin", "member"])
    def test_session_and_key_end(self, closed: Project, admin: User, role: str) -> None:
        gone = Person.objects.get(pk=UserFactory.create(roles=[role]).pk)
        closed.take_in(gone, by=admin)
        sample = SampleFactory.create(code="YB-1", project=closed, made_by=gone)
        browser = signed_in(gone)
        _key, secret = ApiKey.objects.issue(gone, name="a", scopes=["read"], valid_for=timedelta(days=1))
        script = {"Authorization": f"Bearer {secret}"}
        assert browser.get("/samples/YB-1/").status_code == 200
        assert Client().get("/api/v1/samples/YB-1/", headers=script).status_code == 200
        gone.deactivate(by=admin)
        assert browser.get("/samples/YB-1/").headers["Location"].startswith("/sign-in/")
        assert Client().get("/api/v1/samples/YB-1/", headers=script).status_code == 401
        assert not Sample.objects.visible_to(User.objects.get(pk=gone.pk)).exists()
        assert sample.made_by == User.objects.get(pk=gone.pk)

    def test_who_was_let_go_sees_nothing_from_the_next_request_on(
        self, closed: Project, member: User, leader: User
    ) -> None:
        SampleFactory.create(code="YB-1", project=closed, made_by=member)
        browser = signed_in(member)
        assert browser.get("/samples/YB-1/").status_code == 200
        closed.let_go(member, by=leader)
        assert browser.get("/samples/YB-1/").status_code == 404


class TestNotices:
    def test_a_mention_and_what_is_followed_reach_those_who_may_see(
        self, closed: Project, member: User, leader: User, outsider: User
    ) -> None:
        sample = SampleFactory.create(code="YB-1", project=closed, made_by=member)
        Following.objects.begin(outsider, sample)
        Comment.objects.say(sample, leader, "look, @mori and @kato")
        assert [notice.person for notice in Notice.objects.all()] == [member]
        pattern = make_pattern(by=member, project=closed)
        Comment.objects.say(pattern, leader, "and this one, @kato")
        assert Notice.objects.count() == 1

    def test_what_was_told_before_it_was_closed_is_not_read_after(
        self, closed: Project, leader: User, member: User, outsider: User
    ) -> None:
        closed.open(by=leader)
        sample = SampleFactory.create(code="YB-1", project=closed, made_by=member)
        Notice.objects.tell(NoticeKind.COMMENT, {outsider.pk}, about="YB-1", address="/samples/YB-1/", sample=sample)
        assert "YB-1" in signed_in(outsider).get("/notices/").content.decode()
        closed.close(by=leader)
        assert "YB-1" not in signed_in(outsider).get("/notices/").content.decode()
        assert "1" not in signed_in(outsider).get("/notices/bell/").content.decode()

    def test_a_code_becomes_a_link_for_those_alone_who_may_see_its_sample(
        self, closed: Project, member: User, outsider: User
    ) -> None:
        SampleFactory.create(code="YB-1", project=closed, made_by=member)
        open_sample = SampleFactory.create(made_by=member)
        assert Comment.objects.say(open_sample, outsider, "is there YB-1?").links == []
        assert len(Comment.objects.say(open_sample, member, "there is YB-1").links) == 1
