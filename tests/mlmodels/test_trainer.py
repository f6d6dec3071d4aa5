"""Real trainers in processes of their own: seen through, cancelled, stopped and killed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from django.conf import settings

from mlmodels.models import ModelVersion, TrainingRun, TrainingStatePart
from screening.models import ScreeningResult
from tests.labs import ALIAS, PATIENCE, Lab, descendants, is_alive
from tests.labs import lab as lab

pytestmark = [pytest.mark.workers, pytest.mark.slow]
State = TrainingRun.State
LONG = 100_000
"""Steps that no test waits for."""


def ask(lab: Lab, *options: str, expect: int = 0) -> str:
    """`manage.py retrain` with the tiny preset; what it printed."""
    command = [sys.executable, "manage.py", "retrain", *options]
    ran = subprocess.run(
        command, cwd=settings.BASE_DIR, env=lab.environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == expect, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def tiny(lab: Lab, *options: str, steps: int = 20) -> TrainingRun:
    ask(lab, "--preset", "tiny", "--steps", str(steps), "--no-wait", *options)
    return run_of(lab)


def cancel(lab: Lab, run: TrainingRun) -> None:
    ask(lab, "--cancel", str(run.pk))


def resume(lab: Lab, run: TrainingRun) -> None:
    ask(lab, "--resume", str(run.pk), "--no-wait")


def failure_of(lab: Lab) -> str:
    said = run_of(lab).failure
    assert said
    return str(said["template"])


def run_of(lab: Lab) -> TrainingRun:
    return TrainingRun.objects.using(ALIAS).latest("pk")


def has_come_to(lab: Lab, *states: State) -> Callable[[], bool]:
    return lambda: run_of(lab).state in states


def has_kept(lab: Lab, step: int) -> Callable[[], bool]:
    return lambda: run_of(lab).saved_step >= step


def wait_for_end(lab: Lab) -> TrainingRun:
    lab.wait_until(has_come_to(lab, State.FINISHED, State.FAILED, State.CANCELLED), "the end of the training")
    run = run_of(lab)
    assert run.state == State.FINISHED, f"{run.failure}\n{run.log}"
    return run


def weights_of(run: TrainingRun) -> str:
    assert run.version
    return run.version.sha256


@pytest.fixture
def filled(lab: Lab) -> Lab:
    lab.run("tests/mlmodels/fill_data_set.py")
    return lab


def test_a_training_is_seen_through_and_says_where_its_weights_come_from(filled: Lab) -> None:
    filled.start_trainer()
    said = ask(filled, "--preset", "tiny", "--steps", "20", "--data-set", "Outcomes v1", "--share", "0.5")
    run = wait_for_end(filled)
    assert "tiny-r1 is a candidate now" in said
    assert "step 20/20" in said
    version = run.version
    assert version
    assert (version.name, version.state) == ("tiny-r1", ModelVersion.State.CANDIDATE)
    assert run.start_version
    assert run.dataset
    training = version.config["training"]
    assert training["start"] == run.start_version.sha256
    assert training["training_run"] == run.pk
    assert training["data_set_sha256"] == run.dataset.sha256
    assert training["curated"] == run.material["train_sha256"]
    assert run.material["train"] == {"icosahedral": 3, "approximant_1_1": 0, "approximant_2_1": 0, "none": 3}
    assert run.material["validation"]["none"] == 1
    assert [point["step"] for point in run.curve] == list(range(1, 21))
    assert run.config["steps"] == run.step == 20
    assert "calibrating" in run.log
    assert not TrainingStatePart.objects.using(ALIAS).exists()
    assert version.checkpoint().weights()


def test_killed_and_taken_up_by_another_it_ends_with_the_same_weights(filled: Lab) -> None:
    first = filled.start_trainer()
    tiny(filled, steps=60)
    undisturbed = weights_of(wait_for_end(filled))

    tiny(filled, "--name", "again", steps=60)
    filled.wait_until(has_kept(filled, 5), "a kept state")
    family = [first.pid, *descendants(first.pid)]
    first.kill()
    filled.wait_until(lambda: not any(map(is_alive, family[1:])), "the end of the orphaned training")
    assert run_of(filled).state == State.RUNNING
    filled.start_trainer()
    run = wait_for_end(filled)
    assert run.log.count("from step") == 2
    # The same weights are one version: that of the run which was left alone.
    assert weights_of(run) == undisturbed
    assert [point["step"] for point in run.curve] == list(range(3, 61, 3))


def test_a_training_process_that_is_killed_is_started_again(filled: Lab) -> None:
    trainer = filled.start_trainer()
    tiny(filled, steps=LONG)
    filled.wait_until(has_kept(filled, 2), "a kept state")
    (process,) = descendants(trainer.pid)
    os.kill(process, signal.SIGKILL)
    filled.wait_until(lambda: run_of(filled).log.count("from step") == 2, "a second start")
    cancel(filled, run_of(filled))


def test_cancelled_it_stops_within_seconds_and_can_be_resumed(filled: Lab) -> None:
    trainer = filled.start_trainer()
    run = tiny(filled, steps=LONG)
    filled.wait_until(has_kept(filled, 2), "a kept state")
    cancel(filled, run)
    filled.wait_until(has_come_to(filled, State.CANCELLED), "the end of the training", within=10)
    assert descendants(trainer.pid) == set()
    kept = run_of(filled).saved_step
    assert kept >= 2
    assert ModelVersion.objects.using(ALIAS).filter(name__startswith="tiny-r").count() == 0
    resume(filled, run)
    filled.wait_until(has_kept(filled, kept + 2), "further steps")
    assert f"from step {kept}" in run_of(filled).log
    cancel(filled, run)


def test_a_trainer_that_is_told_to_stop_parks_its_run_for_another(filled: Lab) -> None:
    first = filled.start_trainer()
    tiny(filled, steps=LONG)
    filled.wait_until(has_kept(filled, 2), "a kept state")
    family = [first.pid, *descendants(first.pid)]
    first.terminate()
    assert first.wait(10) == 0
    assert not any(map(is_alive, family))
    run = run_of(filled)
    assert (run.state, run.attempts) == (State.WAITING, 0)
    filled.start_trainer()
    filled.wait_until(has_kept(filled, run.saved_step + 2), "further steps")
    cancel(filled, run)


def test_a_full_disk_is_said_and_loses_nothing(filled: Lab) -> None:
    filled.start_trainer(TRAINING_DISK=str(10**18))
    tiny(filled)
    filled.wait_until(has_come_to(filled, State.FAILED), "the failure")
    run = run_of(filled)
    assert failure_of(filled).startswith("The disk is full where the training writes")
    filled.trainers[0].terminate()
    filled.trainers[0].wait()
    filled.start_trainer()
    resume(filled, run)
    wait_for_end(filled)


def test_a_disk_that_runs_full_meanwhile_is_said_and_leaves_no_version(filled: Lab) -> None:
    trainer = filled.start_trainer()
    n_versions = ModelVersion.objects.using(ALIAS).count()
    run = tiny(filled, steps=LONG)
    filled.wait_until(has_kept(filled, 2), "a kept state")
    for process in descendants(trainer.pid):
        resource.prlimit(process, resource.RLIMIT_FSIZE, (20_000, 20_000))  # bytes: its log fits, its state does not
    filled.wait_until(has_come_to(filled, State.FAILED), "the end")
    assert "ran full during the training" in failure_of(filled)
    kept = run_of(filled).saved_step
    assert kept >= 2
    assert ModelVersion.objects.using(ALIAS).count() == n_versions
    resume(filled, run)
    filled.wait_until(has_kept(filled, kept + 1), "a later state, from where room was made")
    cancel(filled, run)


def test_a_training_that_breaks_says_why_and_leaves_no_version(filled: Lab) -> None:
    filled.start_trainer()
    run = tiny(filled, steps=LONG)
    filled.wait_until(has_kept(filled, 1), "a kept state")
    cancel(filled, run)
    filled.wait_until(has_come_to(filled, State.CANCELLED), "the cancelled training")
    TrainingStatePart.objects.using(ALIAS).update(content=b"\x02\x00\x00\x00\x00\x00\x00\x00{}")
    resume(filled, run)
    filled.wait_until(has_come_to(filled, State.FAILED), "the failure")
    assert failure_of(filled).startswith("The training ended with an error")
    assert "Traceback" in run_of(filled).log
    assert ModelVersion.objects.using(ALIAS).filter(name__startswith="tiny-r").count() == 0


def test_an_upload_is_classed_within_seconds_while_a_network_trains(filled: Lab) -> None:
    filled.start_worker()
    filled.wait_until(lambda: len(filled.screeners()) == 2, "two warm workers")
    filled.start_trainer()
    run = tiny(filled, steps=LONG)
    filled.wait_until(has_kept(filled, 2), "a training that runs")
    filled.fill(3)
    filled.wait_until(filled.all_done, "three classes", within=PATIENCE / 4)
    assert filled.results.filter(state=ScreeningResult.State.DONE).count() == 3
    assert run_of(filled).state == State.RUNNING
    cancel(filled, run)
