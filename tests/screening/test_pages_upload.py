"""Upload, the cards of a batch, and the inbox."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from django.utils.http import urlencode
from pytest_django import DjangoAssertNumQueries, Settings

from samples.models import Pattern, Sample
from screening.models import ScreeningResult, ScreeningRun
from tests.factories import SampleFactory, UserFactory, make_pattern, pattern_text
from tests.screening.calls import A_CALL, a_version, make_result

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def member(client: Client) -> User:
    user = UserFactory.create(username="student", roles=["member"])
    client.force_login(user)
    return user


def a_file(name: str = "scan.xy", content: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, pattern_text(seed=len(name)) if content is None else content)


def send(client: Client, *files: SimpleUploadedFile, **more: object) -> str:
    """Upload as the page's script does; the part that comes back."""
    response = client.post("/upload/", {"files": list(files), **more}, headers=HTMX)
    assert response.status_code == 200
    return response.content.decode()


def run_of(part: str) -> ScreeningRun:
    return ScreeningRun.objects.get(pk=re.search(r'data-run="(\d+)"', part)[1])  # type: ignore[index]


class TestUpload:
    def test_the_answer_says_what_was_read_and_asks_again(self, client: Client, member: User) -> None:
        part = send(client, a_file())
        assert "Cu Kα1 (assumed) · 20–79.98° </span>" in part.replace("°</span>", "° </span>")
        assert "3000 points" in part
        assert "1 warning" in part
        assert f'hx-get="/runs/{run_of(part).pk}/cards/' in part
        assert ScreeningResult.objects.get().state == "queued"

    def test_works_without_script(self, client: Client, member: User) -> None:
        response = client.post("/upload/", {"files": [a_file()], "sample": ""})
        page = client.get(response["Location"]).content.decode()
        assert page.count('class="card-row"') == 1

    def test_one_bad_file_stops_nothing(self, client: Client, member: User) -> None:
        part = send(client, a_file("a.xy"), a_file("picture.xy", b"\x89PNG\r\n\x1a\n" + bytes(500)), a_file("bb.xy"))
        assert part.count("card-row") == 3
        assert "This is a picture" in part
        assert ScreeningResult.objects.queued().count() == 2

    def test_a_file_goes_to_the_sample_that_was_named(self, client: Client, member: User) -> None:
        SampleFactory.create(code="ASR-001")
        SampleFactory.create(code="ASR-002")
        send(client, a_file("ASR-001.xy"), sample="asr-002")
        assert Pattern.objects.get().sample == Sample.objects.get(code="ASR-002")

    def test_else_to_the_one_in_its_name_else_to_the_inbox(self, client: Client, member: User) -> None:
        SampleFactory.create(code="ASR-001")
        send(client, a_file("ASR-001 cast.xy"), a_file("other.xy"))
        assert {p.name: p.sample and p.sample.code for p in Pattern.objects.all()} == {
            "ASR-001 cast.xy": "ASR-001",
            "other.xy": None,
        }

    def test_an_unknown_sample_is_said_and_nothing_is_stored(self, client: Client, member: User) -> None:
        response = client.post("/upload/", {"files": [a_file()], "sample": "XYZ-9"}, headers=HTMX)
        assert response.status_code == 422
        assert "There is no sample “XYZ-9”" in response.content.decode()
        assert not Pattern.objects.exists()

    def test_no_file_is_said(self, client: Client, member: User) -> None:
        response = client.post("/upload/", {"sample": ""})
        assert response.status_code == 422
        assert "No file arrived" in response.content.decode()

    def test_groups_of_one_upload_share_a_run(self, client: Client, member: User) -> None:
        run = run_of(send(client, a_file("a.xy")))
        assert run_of(send(client, a_file("bb.xy"), run=run.pk)) == run
        assert run.received.count() == 2

    def test_nobody_joins_the_run_of_another(self, client: Client, member: User) -> None:
        other = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=UserFactory.create())
        assert run_of(send(client, a_file(), run=other.pk)) != other

    def test_the_same_file_twice_in_one_upload_is_listed_once(self, client: Client, member: User) -> None:
        part = send(
            client, a_file("a.xy"), a_file("b.xy", pattern_text(seed=99)), a_file("c.xy", pattern_text(seed=99))
        )
        assert "sent twice in this upload" in part
        assert len(re.findall(r'id="card-\d+"', part)) == 2

    def test_a_duplicate_can_be_moved_to_the_sample_it_was_sent_for(self, client: Client, member: User) -> None:
        there, here = SampleFactory.create(code="ASR-001"), SampleFactory.create(code="ASR-002")
        pattern = make_pattern(content=pattern_text(seed=9), sample=there)
        part = send(client, a_file("again.xy", pattern_text(seed=9)), sample=here.code)
        assert "was here already" in part
        assert "Move to ASR-002" in part
        sent = {"sample": here.code, "run": run_of(part).pk, "run_sample": here.code}
        response = client.post(f"/patterns/{pattern.pk}/move/", sent)
        assert response["Location"] == f"/runs/{run_of(part).pk}/?sample=ASR-002"
        pattern.refresh_from_db()
        assert pattern.sample == here

    def test_a_file_too_large_is_refused_and_the_next_is_taken(
        self, client: Client, member: User, settings: Settings
    ) -> None:
        settings.MAX_PATTERN_FILE_SIZE = 100_000
        part = send(client, a_file("large.xy", b"0" * 100_001), a_file())
        assert "not kept" in part
        assert Pattern.objects.count() == 1

    def test_a_name_that_is_markup_is_shown_as_text(self, client: Client, member: User) -> None:
        assert "<img" not in send(client, a_file("<img src=x onerror=alert(1)>.xy"))

    def test_needs_the_right_to_add_patterns(self, client: Client) -> None:
        client.force_login(UserFactory.create())
        assert client.get("/upload/").status_code == 403
        assert client.post("/upload/", {"files": [a_file()]}).status_code == 403


class TestCards:
    @pytest.fixture
    def run(self, member: User) -> ScreeningRun:
        """Three patterns: one waits, one was called long ago, one just now."""
        version = a_version()
        run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=member)
        for seed, name in enumerate(("waits.xy", "long-ago.xy", "just-now.xy")):
            run.receive(pattern_text(seed=seed), name=name)
        results = {r.reading.pattern.name: r for r in ScreeningResult.objects.filter(model_version=version)}
        for name, ago in (("long-ago.xy", 60), ("just-now.xy", 0)):
            moment = timezone.now() - timedelta(seconds=ago)
            ScreeningResult.objects.filter(pk=results[name].pk).update(**A_CALL, finished_at=moment)
        return run

    def ask(self, client: Client, run: ScreeningRun, seconds_ago: float) -> str:
        since = timezone.now() - timedelta(seconds=seconds_ago)
        return client.get(f"/runs/{run.pk}/cards/?{urlencode({'since': since.isoformat()})}").content.decode()

    def test_only_what_changed_comes_and_the_page_asks_again(self, client: Client, run: ScreeningRun) -> None:
        part = self.ask(client, run, seconds_ago=10)
        pks = dict(Pattern.objects.values_list("name", "pk"))
        assert f'id="outcome-{pks["just-now.xy"]}"' in part
        assert f'id="outcome-{pks["long-ago.xy"]}"' not in part
        assert "2 of 3 patterns are done" in part
        assert "every 700ms" in part

    def test_the_last_answer_brings_every_card_and_ends_the_asking(self, client: Client, run: ScreeningRun) -> None:
        ScreeningResult.objects.queued().update(**A_CALL, finished_at=timezone.now())
        part = self.ask(client, run, seconds_ago=1)
        assert part.count('hx-swap-oob="true"') == 3
        assert "every 700ms" not in part

    @pytest.mark.parametrize("since", ["", "yesterday", "2026-13-45T00:00:00Z", "2026-01-01T00:00:00"])
    def test_a_moment_that_is_none_brings_all(self, client: Client, run: ScreeningRun, since: str) -> None:
        part = client.get(f"/runs/{run.pk}/cards/?{urlencode({'since': since})}").content.decode()
        assert part.count('hx-swap-oob="true"') == 3

    def test_the_number_of_queries_is_fixed(
        self, client: Client, run: ScreeningRun, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:

        with django_assert_num_queries(12):
            client.get(f"/runs/{run.pk}/")
        for seed in range(20, 30):
            run.receive(pattern_text(seed=seed), name=f"{seed}.xy")
        with django_assert_num_queries(12):
            client.get(f"/runs/{run.pk}/")

    def test_a_failed_one_gives_its_reason_and_can_be_tried_again(self, client: Client, run: ScreeningRun) -> None:
        result = ScreeningResult.objects.queued().get()
        reason = {
            "template": "The worker was lost while it screened this pattern, as it is when memory runs out.",
            "values": {},
        }
        ScreeningResult.objects.filter(pk=result.pk).update(state="failed", reason=reason, attempts=3)
        assert "The worker was lost" in client.get(f"/runs/{run.pk}/").content.decode()
        response = client.post(f"/patterns/{result.reading.pattern_id}/retry/", {"run": run.pk})
        assert response["Location"] == f"/runs/{run.pk}/"
        result.refresh_from_db()
        assert result.state == "queued"


class TestInbox:
    def test_several_patterns_are_given_to_a_sample_at_once(self, client: Client, member: User) -> None:
        sample = SampleFactory.create(code="ASR-001")
        patterns = [make_pattern(), make_pattern()]
        response = client.post("/inbox/", {"patterns": [p.pk for p in patterns], "sample": "asr-001"}, follow=True)
        assert "2 patterns moved to ASR-001." in response.content.decode()
        assert sample.patterns.count() == 2

    def test_a_wrong_code_keeps_what_was_marked(self, client: Client, member: User) -> None:
        marked, other = make_pattern(), make_pattern()
        response = client.post("/inbox/", {"patterns": [marked.pk], "sample": "XYZ-9"})
        page = response.content.decode()
        assert response.status_code == 422
        assert "There is no sample “XYZ-9”" in page
        assert re.search(rf'value="{marked.pk}" checked', page)
        assert not re.search(rf'value="{other.pk}" checked', page)

    def test_nothing_marked_is_said(self, client: Client, member: User) -> None:
        SampleFactory.create(code="ASR-001")
        make_pattern()
        assert "Mark the patterns" in client.post("/inbox/", {"sample": "ASR-001"}).content.decode()

    def test_shows_the_call_of_each(self, client: Client, member: User) -> None:
        make_result(make_pattern(), a_version())
        page = client.get("/inbox/").content.decode()
        assert "0.9994" in page
        assert "4.353(4)" in page

    def test_an_empty_one_says_what_it_is_for(self, client: Client, member: User) -> None:
        assert "Every pattern has its sample" in client.get("/inbox/").content.decode()

    def test_the_number_of_queries_is_fixed(
        self, client: Client, member: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        version = a_version()
        make_result(make_pattern(), version)
        with django_assert_num_queries(10):
            client.get("/inbox/")
        for _ in range(5):
            make_result(make_pattern(), version)
        with django_assert_num_queries(10):
            client.get("/inbox/")
