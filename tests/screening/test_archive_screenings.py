"""The whole archive before a new version: in slices, behind uploads, held back while it pauses, and nobody's call before its time."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from mlmodels.models import ModelVersion
from samples.models import Notice
from screening import tasks
from screening.models import ArchiveScreening, Argument, Candidate, ScreeningResult, ScreeningRun
from screening.why import why_of
from tests.factories import make_pattern
from tests.screening.promoting import register

pytestmark = pytest.mark.django_db
Why = ScreeningRun.Why
FLAT = "".join(f"{20 + n / 50:.2f} 100\n" for n in range(3000)).encode()


@pytest.fixture
def candidate(tiny_version: ModelVersion) -> ModelVersion:
    """Another untrained network beside the one in production."""
    return register(2, "candidate")


def fill(person: User, n: int, run: ScreeningRun | None = None) -> None:
    """An archive that production has screened."""
    upload = run or ScreeningRun.objects.start(Why.UPLOAD, person)
    for _ in range(n):
        upload.enqueue([make_pattern(by=person).readings.get()])
    tasks.screen_waiting()


def test_a_shadow_is_written_and_is_nobodys_call(person: User, candidate: ModelVersion) -> None:
    fill(person, 3)
    shadow = ArchiveScreening.objects.start(candidate, person, Why.SHADOW)
    assert shadow.progress[:2] == (0, 3)
    n_candidates = Candidate.objects.count()
    tasks.screen_waiting()
    shadow.refresh_from_db()
    assert shadow.finished_at is not None
    assert shadow.progress.percent == 100
    said = ScreeningResult.objects.filter(model_version=candidate)
    assert said.done().count() == 3
    patterns = [result.reading.pattern for result in said]
    shown = ScreeningResult.objects.latest_of(patterns).values()
    assert {result.model_version for result in shown} == {ModelVersion.objects.production()}
    assert Candidate.objects.count() == n_candidates
    assert not Notice.objects.exists()


def test_a_pattern_that_only_a_shadow_has_seen_has_no_call(person: User, candidate: ModelVersion) -> None:
    pattern = make_pattern(by=person)
    ArchiveScreening.objects.start(candidate, person, Why.SHADOW)
    tasks.screen_waiting()
    assert candidate.results.done().exists()
    assert ScreeningResult.objects.latest_of([pattern]) == {}


def test_uploads_go_first_and_a_slice_after_the_other_is_queued(
    person: User, candidate: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("screening.models.archive_screenings.SLICE", 2)
    fill(person, 5)
    shadow = ArchiveScreening.objects.start(candidate, person, Why.SHADOW)
    assert shadow.queue_more()
    assert candidate.results.queued().count() == 2
    fresh = make_pattern(by=person).readings.get()
    ScreeningRun.objects.start(Why.UPLOAD, person).enqueue([fresh])
    assert [row.reading for row in ScreeningResult.objects.claim(10)] == [fresh]
    tasks.screen_waiting()
    assert candidate.results.done().count() == 5


def test_what_pauses_is_held_back_and_goes_on_where_it_was(
    person: User, candidate: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("screening.models.archive_screenings.SLICE", 2)
    fill(person, 5)
    shadow = ArchiveScreening.objects.start(candidate, person, Why.SHADOW)
    shadow.queue_more()
    assert shadow.pause(person)
    assert not shadow.pause(person)
    tasks.screen_waiting()
    assert shadow.progress[:2] == (0, 5)
    assert shadow.resume()
    tasks.screen_waiting()
    assert candidate.results.done().count() == 5


def test_what_was_stopped_is_taken_up_by_the_next_one(
    person: User, candidate: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("screening.models.archive_screenings.SLICE", 2)
    fill(person, 5)
    shadow = ArchiveScreening.objects.start(candidate, person, Why.SHADOW)
    shadow.queue_more()
    shadow.stop()
    tasks.screen_waiting()
    assert not candidate.results.done().exists()
    again = ArchiveScreening.objects.start(candidate, person, Why.SHADOW)
    assert again.pk != shadow.pk
    assert again.progress.n == 5
    tasks.screen_waiting()
    again.refresh_from_db()
    assert again.finished_at
    assert candidate.results.done().count() == 5


def test_begun_twice_it_is_one(person: User, candidate: ModelVersion) -> None:
    fill(person, 1)
    first = ArchiveScreening.objects.start(candidate, person, Why.SHADOW)
    assert ArchiveScreening.objects.start(candidate, person, Why.SHADOW) == first


def test_an_archived_pattern_a_blank_and_a_corrected_reading_are_left_alone(
    person: User, candidate: ModelVersion
) -> None:
    make_pattern(by=person).archive(person)
    make_pattern(by=person, kind="blank")
    corrected = make_pattern(by=person)
    corrected.correct(person, wavelength=1.7889, reason="Co")
    ArchiveScreening.objects.start(candidate, person, Why.SHADOW)
    tasks.screen_waiting()
    assert [result.reading.number for result in candidate.results.all()] == [2]


def test_what_cannot_be_judged_is_answered_with_the_reason(person: User, candidate: ModelVersion) -> None:
    make_pattern(by=person, content=FLAT)
    ArchiveScreening.objects.start(candidate, person, Why.SHADOW)
    tasks.screen_waiting()
    answered = candidate.results.get()
    assert answered.state == ScreeningResult.State.NOT_SCREENABLE
    assert answered.reason


def test_while_a_rescreen_waits_the_former_call_is_shown(person: User, candidate: ModelVersion) -> None:
    former = ModelVersion.objects.production()
    fill(person, 1)
    pattern = ScreeningResult.objects.get().reading.pattern
    candidate.promote(person, "better")
    rescreen = ArchiveScreening.objects.rescreen(person)
    assert rescreen
    rescreen.queue_more()
    assert ScreeningResult.objects.latest_of([pattern])[pattern.pk].model_version == former
    tasks.screen_waiting()
    assert ScreeningResult.objects.latest_of([pattern])[pattern.pk].model_version == candidate
    assert ScreeningResult.objects.filter(reading__pattern=pattern).count() == 2


def test_an_argument_that_was_not_kept_is_the_one_that_would_have_been(
    person: User, candidate: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("screening.pipeline.WEIGHED_FROM", 1.0)
    fill(person, 1)
    kept = Argument.objects.get()
    rebuilt = ScreeningResult.objects.get(pk=kept.pk)
    ArchiveScreening.objects.start(candidate, person, Why.SHADOW)
    tasks.screen_waiting()
    assert Argument.objects.count() == 1
    assert (shadow := why_of(candidate.results.get()))
    assert shadow.content["lines"]
    Argument.objects.filter(pk=kept.pk).delete()
    assert (why := why_of(rebuilt))
    assert why.content == kept.content
