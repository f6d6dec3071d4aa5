"""The trash: drafts are thrown away, taken back, and leave it after some days; evidence never does."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django_q.models import Schedule
from pytest_django import DjangoAssertNumQueries, Settings

from lims import trash
from samples.models import Change, Sample, SheetImport
from screening.models import FollowUp, SavedView
from tests.factories import SampleFactory, UserFactory
from tests.samples.sheet_files import received, workbook
from tests.screening.reviewing import REASON, make_candidate, make_reviewer
from tests.screening.test_follow_ups import fill, phase

pytestmark = pytest.mark.django_db
ROWS = [("Sample code", "Nominal composition"), ("NEW-1", "Al43Si32Ru25")]


@pytest.fixture
def chief(client: Client, settings: Settings, tmp_path: Path) -> User:
    settings.MEDIA_ROOT = tmp_path
    person = UserFactory.create(username="chief", roles=["admin"])
    client.force_login(person)
    return person


def page_of(client: Client) -> str:
    return client.get("/trash/").content.decode()


def long_ago() -> dict[str, object]:
    return {"trashed_at": timezone.now() - timedelta(days=31)}


class TestSheets:
    def test_one_is_thrown_away_and_taken_back(self, client: Client, chief: User) -> None:
        sheet = received(workbook(Samples=ROWS), chief)
        client.post(f"/samples/import/{sheet.pk}/trash/")
        assert not SheetImport.objects.kept().exists()
        assert sheet.name in page_of(client)
        assert "Leaves the trash" in page_of(client)
        assert not sheet.commit(by=chief), "what lies in the trash is not imported"
        assert "take it back before you import it" in client.get(sheet.get_absolute_url()).content.decode()
        client.post(f"/samples/import/{sheet.pk}/restore/")
        sheet.refresh_from_db()
        assert sheet.commit(by=chief)

    def test_one_that_was_imported_is_undone_instead(self, client: Client, chief: User) -> None:
        sheet = received(workbook(Samples=ROWS), chief)
        sheet.commit(by=chief)
        client.post(f"/samples/import/{sheet.pk}/trash/")
        assert SheetImport.objects.kept().get() == sheet
        SheetImport.objects.update(**long_ago())  # however it came there
        assert trash.empty() == 0
        assert Sample.objects.get().code == "NEW-1"

    def test_each_has_their_own(self, client: Client, chief: User) -> None:
        sheet = received(workbook(Samples=ROWS), UserFactory.create())
        assert client.post(f"/samples/import/{sheet.pk}/trash/").status_code == 404
        sheet.trash()
        assert sheet.name not in page_of(client)
        assert client.post(f"/samples/import/{sheet.pk}/restore/").status_code == 404

    def test_its_file_goes_with_it_unless_another_has_the_same(
        self, chief: User, django_capture_on_commit_callbacks: object
    ) -> None:
        first, second = (received(workbook(Samples=ROWS), chief) for _ in range(2))
        path = Path(first.content.path)
        SheetImport.objects.filter(pk=first.pk).update(**long_ago())
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            assert trash.empty() == 1
        assert path.exists() is (first.sha256 == second.sha256)
        SheetImport.objects.update(**long_ago())
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            assert trash.empty() == 1
        assert not Path(second.content.path).exists()


class TestFollowUps:
    def test_one_without_evidence_is_taken_up_again_or_leaves(self, client: Client, chief: User) -> None:
        follow_up = FollowUp.objects.open(SampleFactory.create(), chief, question="Icosahedral?")
        follow_up.call_off(chief, "by mistake")
        assert str(follow_up) in page_of(client)
        client.post(f"/follow-ups/{follow_up.pk}/take-up/")
        assert str(follow_up) not in page_of(client)
        follow_up.call_off(chief, "by mistake")
        assert trash.empty() == 0
        FollowUp.objects.update(closed_at=timezone.now() - timedelta(days=31))
        assert trash.empty() == 1
        gone = Change.objects.of(FollowUp, [follow_up.pk]).latest("pk").own_row
        assert gone
        assert gone["what"] == "removed"
        assert gone["fields"]["question"][0] == "Icosahedral?"

    def test_evidence_and_what_a_verdict_asked_for_stay(self, client: Client, chief: User) -> None:
        found = FollowUp.objects.open(SampleFactory.create(), chief)
        fill(found, chief, phase())
        review = make_candidate().add_review(make_reviewer(), "follow_up", REASON)
        asked = FollowUp.objects.open(SampleFactory.create(), chief, review=review)
        for follow_up in (found, asked):
            follow_up.call_off(chief, "used up")
        FollowUp.objects.update(closed_at=timezone.now() - timedelta(days=400))
        assert trash.empty() == 0
        page = page_of(client)
        assert str(found) not in page, "with evidence it is no draft"
        assert "a signed verdict asked for it" in page


def test_saved_views_leave_after_the_days_of_the_setting(client: Client, chief: User, settings: Settings) -> None:
    view = SavedView.objects.create(owner=chief, name="mine", sort="-made")
    view.trash()
    assert "mine" in page_of(client)
    settings.TRASH_DAYS = 1
    SavedView.objects.update(trashed_at=timezone.now() - timedelta(hours=30))
    call_command("empty_trash")
    assert not SavedView.objects.exists()


def test_the_worker_empties_it_once_a_day() -> None:
    trash.empty_every_day()
    trash.empty_every_day()
    assert Schedule.objects.get(name=trash.SCHEDULE).func == "lims.trash.empty"


def test_an_empty_trash_says_so(
    client: Client, chief: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(8):
        assert "Your trash is empty" in page_of(client)
