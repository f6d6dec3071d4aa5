"""Jobs are rows first: claimed with a lease, tried three times, never doubled, never lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django import DjangoCaptureOnCommitCallbacks

from lims.views import machines
from mlmodels.models import ModelVersion
from mlmodels.registry import network_for
from samples.models import Reading
from samples.models.unchanging import UnchangingError
from samples.sentences import translated
from samples.xrd.sentences import sentence
from screening.bell import ring
from screening.models import ScreeningResult, ScreeningRun
from screening.models.results import MAX_ATTEMPTS
from screening.tasks import beat, screen_batch, screen_waiting, warm_up
from tests.factories import make_reading, pattern_text

State = ScreeningResult.State


@pytest.fixture
def run(person: User, tiny_version: ModelVersion) -> ScreeningRun:
    return ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=person)


def queue(run: ScreeningRun, n: int) -> list[ScreeningResult]:
    return ScreeningResult.objects.enqueue(run, [make_reading() for _ in range(n)])


def lose_worker(row: ScreeningResult) -> None:
    """As if the worker that holds the row was killed and its lease ran out."""
    ScreeningResult.objects.filter(pk=row.pk).update(leased_until=timezone.now() - timedelta(seconds=1))


def test_rows_are_queued_for_the_version_in_production(run: ScreeningRun, tiny_version: ModelVersion) -> None:
    (row,) = queue(run, 1)
    assert (row.state, row.model_version, row.attempts, row.level) == (State.QUEUED, tiny_version, 0, "")


def test_the_same_reading_is_queued_once(run: ScreeningRun) -> None:
    reading = make_reading()
    assert ScreeningResult.objects.enqueue(run, [reading]) == ScreeningResult.objects.enqueue(run, [reading])
    assert ScreeningResult.objects.count() == 1


def test_nothing_is_queued_without_a_version_in_production(person: User) -> None:
    ModelVersion.objects.filter(state="production").update(state="retired")
    run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=person)
    assert queue(run, 1) == []


def test_what_the_network_cannot_judge_is_refused_at_once_with_the_reason(run: ScreeningRun) -> None:
    (row,) = ScreeningResult.objects.enqueue(run, [make_reading(content=pattern_text(first=20, last=30))])
    assert row.state == State.NOT_SCREENABLE
    assert "range" in translated(row.reason)
    assert ScreeningResult.objects.claim(10) == []


def test_a_claim_takes_rows_out_of_the_queue(run: ScreeningRun) -> None:
    queue(run, 3)
    first, second = ScreeningResult.objects.claim(2), ScreeningResult.objects.claim(2)
    assert [len(first), len(second), len(ScreeningResult.objects.claim(2))] == [2, 1, 0]
    assert {row.attempts for row in first + second} == {1}
    assert len({row.lease for row in first + second}) == 2


def test_fresh_uploads_go_before_retries_and_rescreens(run: ScreeningRun) -> None:
    rescreened, retried, fresh = queue(run, 3)
    ScreeningResult.objects.filter(pk=rescreened.pk).update(priority=ScreeningResult.Priority.RESCREEN)
    ScreeningResult.objects.filter(pk=retried.pk).update(priority=ScreeningResult.Priority.RETRY)
    assert ScreeningResult.objects.claim(3) == [fresh, retried, rescreened]


def test_a_row_that_was_tried_before_is_taken_alone(run: ScreeningRun) -> None:
    suspect, *others = queue(run, 3)
    ScreeningResult.objects.filter(pk=suspect.pk).update(attempts=1)
    assert ScreeningResult.objects.claim(10) == others
    assert ScreeningResult.objects.claim(10) == [suspect]


def test_a_batch_has_one_model_version(run: ScreeningRun, tiny_version: ModelVersion) -> None:
    of_one, of_other = queue(run, 2)
    other = ModelVersion.objects.create(name="other", sha256="1" * 64)
    ScreeningResult.objects.filter(pk=of_other.pk).update(model_version=other)
    assert [ScreeningResult.objects.claim(10), ScreeningResult.objects.claim(10)] == [[of_one], [of_other]]


def test_screening_writes_a_call(run: ScreeningRun) -> None:
    (row,) = queue(run, 1)
    screen_waiting()
    row.refresh_from_db()
    assert row.state == State.DONE
    assert row.level in "ABCD"
    assert row.phases is not None
    assert row.probability == row.phases["icosahedral"]
    assert sum(row.phases.values()) == pytest.approx(1)
    assert row.evidence_values is not None
    assert row.evidence_values.sum() == pytest.approx(1, abs=1e-4)
    assert row.quasilattice_constant
    assert (row.lease, row.device, row.thresholds_version) == (None, "cpu", "uryu-2023")


def test_an_expired_lease_is_retaken_and_the_late_worker_writes_nothing(run: ScreeningRun) -> None:
    queue(run, 1)
    (late,) = ScreeningResult.objects.claim(1)
    lose_worker(late)
    ScreeningResult.objects.release_expired()
    (taken,) = ScreeningResult.objects.claim(1)
    assert (taken, taken.attempts) == (late, 2)
    screen_batch([late])
    taken.refresh_from_db()
    assert taken.state == State.RUNNING
    screen_batch([taken])
    taken.refresh_from_db()
    assert taken.state == State.DONE


def test_a_living_lease_is_left_alone(run: ScreeningRun) -> None:
    queue(run, 1)
    ScreeningResult.objects.claim(1)
    ScreeningResult.objects.release_expired()
    assert ScreeningResult.objects.claim(1) == []


def test_a_row_that_kills_its_worker_is_set_aside_with_its_reason(run: ScreeningRun, person: User) -> None:
    (row,) = queue(run, 1)
    for _ in range(MAX_ATTEMPTS):
        (held,) = ScreeningResult.objects.claim(1)
        lose_worker(held)
        ScreeningResult.objects.release_expired()
    row.refresh_from_db()
    assert row.state == State.FAILED
    assert translated(row.reason) == (
        "Set aside after 3 attempts. The last one ended so: The worker was lost while it screened this pattern, as it is when memory runs out."
    )
    assert ScreeningResult.objects.claim(1) == []

    ScreeningRun.objects.retry(row.reading.pattern, person)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.reason, row.run.why) == (State.QUEUED, 0, None, ScreeningRun.Why.RETRY)
    screen_waiting()
    row.refresh_from_db()
    assert row.state == State.DONE


@pytest.mark.parametrize("take_up", [screen_waiting, beat])
def test_a_database_that_goes_away_costs_no_attempt(
    run: ScreeningRun, monkeypatch: pytest.MonkeyPatch, take_up: Callable[[], None]
) -> None:
    queue(run, 3)

    def goes_away(*_arguments: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as away:
        away.setattr("screening.tasks.write", goes_away)
        for _ in range(MAX_ATTEMPTS + 1):
            with pytest.raises(OperationalError):
                screen_waiting()
            assert ScreeningResult.objects.filter(state=State.RUNNING, attempts=1).count() == 3
    take_up()
    assert not ScreeningResult.objects.filter(state=State.RUNNING).exists()
    screen_waiting()
    assert ScreeningResult.objects.filter(state=State.DONE, attempts=1).count() == 3


def test_a_network_that_cannot_be_loaded_costs_no_attempt_and_home_says_so(
    run: ScreeningRun, tiny_version: ModelVersion
) -> None:
    rows = queue(run, 2)
    parts = list(tiny_version.weights_parts.all())
    for damage in (b"no weights", b""):
        network_for.cache_clear()
        tiny_version.weights_parts.update(content=damage)
        for _ in range(MAX_ATTEMPTS + 1):
            screen_waiting()
        warm_up()
    waiting = ScreeningResult.objects.filter(pk__in=[row.pk for row in rows])
    assert set(waiting.values_list("state", "attempts", "lease")) == {(State.QUEUED, 0, None)}
    said = translated(machines()["waiting_because"])
    assert f"The weights of the network {tiny_version.name} are missing or damaged" in said
    for part in parts:
        tiny_version.weights_parts.filter(pk=part.pk).update(content=part.content)
    screen_waiting()
    assert set(waiting.values_list("state", "attempts")) == {(State.DONE, 1)}
    assert machines()["waiting_because"] is None


def test_a_poison_pattern_fails_alone(run: ScreeningRun) -> None:
    rows = queue(run, 4)
    poison = rows[1].reading
    # Arrays that no reader stores: the pattern cannot even be made of them.
    type(poison.arrays).objects.filter(pk=poison.pk).update(intensity=b"")
    screen_waiting()
    states = {row.reading_id: row.state for row in ScreeningResult.objects.all()}
    assert states.pop(poison.pk) == State.FAILED
    assert set(states.values()) == {State.DONE}
    reason = translated(ScreeningResult.objects.failed().get().reason)
    assert "3 attempts" in reason
    assert "intensities" in reason


def test_a_finished_result_does_not_change(run: ScreeningRun) -> None:
    queue(run, 1)
    screen_waiting()
    row = ScreeningResult.objects.get()
    row.level = "A"
    with pytest.raises(UnchangingError):
        row.save()
    with pytest.raises(UnchangingError):
        row.delete()
    assert row.give_back(sentence("No.")) is False
    row.retry(run)
    row.refresh_from_db()
    assert row.state == State.DONE


def test_a_reading_has_one_result_a_version(run: ScreeningRun, tiny_version: ModelVersion) -> None:
    (row,) = queue(run, 1)
    with pytest.raises(IntegrityError), transaction.atomic():
        ScreeningResult.objects.create(run=run, reading=row.reading, model_version=tiny_version)


def test_a_done_row_must_have_a_class(run: ScreeningRun) -> None:
    (row,) = queue(run, 1)
    with pytest.raises(IntegrityError), transaction.atomic():
        ScreeningResult.objects.filter(pk=row.pk).update(state=State.DONE)


def test_a_call_made_elsewhere_has_a_class_and_no_probability(run: ScreeningRun, person: User) -> None:
    version = ModelVersion.objects.record("Uryu et al. 2023, as reported", thresholds_version="uryu-2023")
    reading = make_reading()
    record = ScreeningRun.objects.start(ScreeningRun.Why.RECORD, by=person)
    call = ScreeningResult.objects.record_call(record, reading, version, "B")
    assert (call.state, call.level, call.probability, call.evidence_values) == (State.DONE, "B", None, None)


def test_the_call_of_the_production_version_is_shown_first(run: ScreeningRun, person: User) -> None:
    reading = make_reading()
    version = ModelVersion.objects.record("as reported", thresholds_version="uryu-2023")
    recorded = ScreeningResult.objects.record_call(run, reading, version, "B")
    assert ScreeningResult.objects.latest_of([reading.pattern]) == {reading.pattern_id: recorded}
    (ours,) = ScreeningResult.objects.enqueue(run, [reading])
    assert ScreeningResult.objects.latest_of([reading.pattern]) == {reading.pattern_id: ours}


def test_only_the_newest_reading_is_current(run: ScreeningRun, person: User) -> None:
    (old,) = queue(run, 1)
    pattern = old.reading.pattern
    reading = ScreeningRun.objects.correct(pattern, person, wavelength=1.5444, reason="Kα2 was measured")
    assert reading.number == 2
    (new,) = ScreeningResult.objects.current()
    assert (new.reading, new.run.why) == (reading, ScreeningRun.Why.CORRECTION)
    assert ScreeningResult.objects.latest_of([pattern]) == {pattern.pk: new}
    pattern.archive(person)
    assert not ScreeningResult.objects.current().exists()
    assert Reading.objects.filter(pattern=pattern).count() == 2


def test_one_bell_is_enough(db: None, settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_q.tasks.Conf.SYNC", False)
    for _ in range(5):
        ring()
    assert OrmQ.objects.count() == 1
    OrmQ.objects.update(lock=timezone.now() + timedelta(seconds=60))  # as a cluster does that takes it
    ring()
    assert OrmQ.objects.count() == 2


def test_a_batch_of_files_rings_once_each_is_committed(
    run: ScreeningRun,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    monkeypatch.setattr("django_q.tasks.Conf.SYNC", False)
    with django_capture_on_commit_callbacks(execute=True):
        for n in range(3):
            run.receive(pattern_text(seed=n), name=f"{n}.xy")
        assert not OrmQ.objects.exists()
    assert OrmQ.objects.count() == 1
    assert ScreeningResult.objects.queued().count() == 3


def test_a_claim_by_a_forgotten_lease_finds_nothing(run: ScreeningRun) -> None:
    (row,) = queue(run, 1)
    row.lease = uuid4()
    assert row.give_back(sentence("No.")) is False
