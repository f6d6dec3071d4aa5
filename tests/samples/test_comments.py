"""Comments: who is named, what becomes a link, what can be mended and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from samples.models import AlloySystem, Comment, Following, Notice, NoticeChoice, Sample
from tests.factories import SampleFactory, UserFactory, make_pattern

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(client: Client) -> User:
    anna = UserFactory.create(username="anna", roles=["member"])
    client.force_login(anna)
    return anna


@pytest.fixture
def ben() -> User:
    return UserFactory.create(username="ben", roles=["member"])


@pytest.fixture
def sample() -> Sample:
    return SampleFactory.create(code="ASR-001")


def told(person: User) -> list[str]:
    return [notice.sentence for notice in Notice.objects.of(person)]


def linked(sample: Sample, by: User, text: str) -> list[str]:
    """What of ``text`` becomes a link."""
    comment = Comment.objects.say(sample, by, text)
    return [comment.text[first:end] for first, end, _kind, _name in comment.links]


class TestLinks:
    @pytest.mark.parametrize(
        ("text", "links"),
        [
            ("@ben look", ["@ben"]),
            ("mail ben@ben.example", []),
            ("@benjamin", []),
            ("@benさん、ASR-001を見て", ["@ben", "ASR-001"]),
            ("＠ben.", ["＠ben"]),
            ("(see asr-001), ASR-0011 and ASR-001.", ["asr-001", "ASR-001"]),
            ("@nobody ASR-999", []),
            ("@Ben", []),
        ],
    )
    def test_names_and_codes_end_where_they_end(
        self, anna: User, ben: User, sample: Sample, text: str, links: list[str]
    ) -> None:
        assert linked(sample, anna, text) == links

    def test_a_code_may_have_no_digit(self, anna: User, sample: Sample) -> None:
        SampleFactory.create(code="ASR-IV")
        SampleFactory.create(code="grain")
        assert linked(sample, anna, "The grain: see ASR-IV.") == ["ASR-IV"]

    def test_the_longest_name_counts(self, anna: User, ben: User, sample: Sample) -> None:
        UserFactory.create(username="ben.smith")
        assert linked(sample, anna, "@ben.smith, @ben.") == ["@ben.smith", "@ben"]

    def test_everything_else_is_escaped(self, anna: User, ben: User, sample: Sample, client: Client) -> None:
        text = '<script>alert("@ben")</script>\n<b>ASR-001</b>'
        client.post("/samples/ASR-001/comment/", {"text": text})
        page = client.get("/samples/ASR-001/").content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(&quot;<a href=" in page
        assert f'&lt;b&gt;<a href="/s/{sample.pk}/">ASR-001</a>&lt;/b&gt;' in page

    def test_a_link_leads_to_the_sample_also_after_it_has_another_code(
        self, anna: User, sample: Sample, client: Client
    ) -> None:
        Comment.objects.say(sample, anna, "like ASR-001")
        Sample.objects.filter(pk=sample.pk).update(code="ASR-100")
        assert client.get(f"/s/{sample.pk}/")["Location"] == "/samples/ASR-100/"


class TestSaying:
    def test_on_a_sample_and_on_a_pattern(self, anna: User, sample: Sample, client: Client) -> None:
        pattern = make_pattern(sample=sample)
        answer = client.post("/samples/ASR-001/comment/", {"text": "anneal it again"})
        assert answer["Location"] == "/samples/ASR-001/#comments"
        answer = client.post(f"/patterns/{pattern.pk}/comment/", {"text": "two\r\nlines"})
        assert answer["Location"] == f"/patterns/{pattern.pk}/#comments"
        assert "anneal it again" in client.get("/samples/ASR-001/").content.decode()
        assert "two\nlines" in client.get(f"/patterns/{pattern.pk}/").content.decode()

    @pytest.mark.parametrize(("text", "sentence"), [("  \n ", "Write something first"), ("a" * 5001, "shorten it")])
    def test_bad_text_says_why_and_keeps_it(
        self, anna: User, sample: Sample, client: Client, text: str, sentence: str
    ) -> None:
        response = client.post("/samples/ASR-001/comment/", {"text": text})
        assert response.status_code == 422
        assert sentence in response.content.decode()
        assert text in response.content.decode()
        assert not Comment.objects.exists()

    def test_needs_the_right(self, sample: Sample, client: Client) -> None:
        client.force_login(UserFactory.create())
        assert client.post("/samples/ASR-001/comment/", {"text": "a"}).status_code == 403
        assert client.get("/samples/ASR-001/comment/").status_code == 405


class TestMending:
    def test_for_a_short_time_and_what_it_said_is_kept(self, anna: User, sample: Sample, client: Client) -> None:
        comment = Comment.objects.say(sample, anna, "frist")
        assert client.post(f"/comments/{comment.pk}/edit/", {"text": "first"}).status_code == 302
        comment.refresh_from_db()
        assert (comment.text, [edition.text for edition in comment.editions.all()]) == ("first", ["frist"])
        Comment.objects.update(written_at=timezone.now() - timedelta(minutes=16))
        response = client.post(f"/comments/{comment.pk}/edit/", {"text": "second"})
        assert response.status_code == 422
        assert "within 15 minutes" in response.content.decode()
        assert "second" in response.content.decode()
        assert client.get(f"/comments/{comment.pk}/edit/").status_code == 302

    def test_of_others_is_refused(self, anna: User, ben: User, sample: Sample, client: Client) -> None:
        comment = Comment.objects.say(sample, ben, "mine")
        assert client.post(f"/comments/{comment.pk}/edit/", {"text": "yours"}).status_code == 422
        client.post(f"/comments/{comment.pk}/withdraw/")
        comment.refresh_from_db()
        assert (comment.text, comment.withdrawn_at) == ("mine", None)

    def test_withdrawn_is_hidden_and_kept(self, anna: User, sample: Sample, client: Client) -> None:
        comment = Comment.objects.say(sample, anna, "a hasty word")
        client.post(f"/comments/{comment.pk}/withdraw/")
        page = client.get("/samples/ASR-001/").content.decode()
        assert "This comment was withdrawn" in page
        assert "hasty" not in page
        assert Comment.objects.get().text == "a hasty word"
        with pytest.raises(ValidationError):
            comment.change(anna, "again")


class TestTelling:
    def test_the_named_and_the_followers_once_each(self, anna: User, ben: User, sample: Sample) -> None:
        cleo = UserFactory.create(username="cleo")
        for person in (anna, ben, cleo):
            Following.objects.begin(person, sample)
        Following.objects.begin(cleo, sample.system)
        Comment.objects.say(sample, anna, "@ben @anna look")
        assert told(ben) == ["anna mentioned you on ASR-001."]
        assert told(cleo) == ["anna wrote a comment on ASR-001."]
        assert told(anna) == []

    def test_unread_ones_grow_and_read_ones_begin_anew(self, anna: User, ben: User, sample: Sample) -> None:
        for n in range(3):
            Comment.objects.say(sample, anna, f"@ben {n}")
        assert told(ben) == ["You were mentioned 3 times on ASR-001, last by anna."]
        Notice.objects.of(ben).mark_read()
        Comment.objects.say(sample, anna, "@ben once more")
        assert told(ben)[0] == "anna mentioned you on ASR-001."
        assert Notice.objects.of(ben).count() == 2

    def test_a_mended_comment_tells_only_the_newly_named(self, anna: User, ben: User, sample: Sample) -> None:
        cleo = UserFactory.create(username="cleo")
        comment = Comment.objects.say(sample, anna, "@ben")
        comment.change(anna, "@ben and @cleo")
        assert Notice.objects.of(ben).get().n == 1
        assert told(cleo) == ["anna mentioned you on ASR-001."]

    def test_what_is_switched_off_is_not_told_and_who_left_is_not(self, anna: User, ben: User, sample: Sample) -> None:
        NoticeChoice.objects.create(person=ben, kind="mentioned", in_app=False, by_mail=False)
        gone = UserFactory.create(username="gone", is_active=False)
        Following.objects.begin(gone, sample)
        Comment.objects.say(sample, anna, "@ben @gone")
        assert not Notice.objects.exists()

    def test_a_system_is_followed_for_all_its_samples(self, anna: User, ben: User, sample: Sample) -> None:
        Following.objects.begin(ben, AlloySystem.objects.get())
        Comment.objects.say(make_pattern(sample=SampleFactory.create(code="ASR-002")), anna, "odd")
        assert "wrote a comment" in told(ben)[0]

    def test_following_is_a_button(self, anna: User, sample: Sample, client: Client) -> None:
        for address, page in (
            ("/samples/ASR-001/follow/", "/samples/ASR-001/"),
            (f"/systems/{sample.system.key}/follow/", f"/systems/{sample.system.key}/"),
        ):
            assert client.post(address)["Location"] == page
            client.post(address)  # twice is once
            assert Following.objects.count() == 1
            assert "Do not follow" in client.get(page).content.decode()
            client.post(address, {"follow": "0"})
            assert not Following.objects.exists()
