"""Training runs as rows: who takes which, what is refused, and that no pattern that tests is ever learnt from."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from mlmodels.material import material_of
from mlmodels.models import Dataset, ModelVersion, TrainerHeartbeat, TrainingError, TrainingRun
from mlmodels.models.training_runs import MAX_ATTEMPTS
from mlmodels.net.checkpoint import CheckpointError
from mlmodels.trainer import Trainer, Training
from samples.models import ReadingArrays
from samples.xrd.sentences import sentence
from tests.data_sets import entry_of, freeze
from tests.factories import SampleFactory, UserFactory, make_reading
from tests.networks import tiny_checkpoint

pytestmark = pytest.mark.django_db
State, Wants = TrainingRun.State, TrainingRun.Wants


@pytest.fixture
def curator(settings: Settings, tmp_path: Path) -> User:
    settings.MEDIA_ROOT = tmp_path
    return UserFactory.create(roles=["curator"])


@pytest.fixture
def production() -> ModelVersion:
    version = register(1)
    version.promote(by=None, reason="for tests")
    return version


def register(seed: int, **training: object) -> ModelVersion:
    checkpoint = replace(tiny_checkpoint(seed), training=training)
    weights = checkpoint.weights()
    return ModelVersion.objects.register(weights, checkpoint.config(weights))


def learn(folder: Path, step: int) -> None:
    """What the process that trains writes at ``step``: the point of the curve, then the state."""
    with (folder / "training.jsonl").open("a") as curve:
        curve.write(json.dumps({"step": step}) + "\n")
    (folder / "training.state").write_bytes(safetensors.numpy.save({"w": np.zeros(1)}, {"step": str(step)}))


class OvertakenTraining(Training):
    """Its process learns on while a beat carries the curve into the database."""

    def __init__(self, trainer: Trainer, run: TrainingRun, folder: Path) -> None:
        super().__init__(trainer, run, folder)
        trainer.heartbeat = TrainerHeartbeat.objects.register()

    def _progress(self) -> dict[str, Any]:
        progress = super()._progress()
        learn(self.folder, progress["step"] + 3)
        return progress


def trainer(name: str = "lab", device: str = TrainerHeartbeat.CPU) -> TrainerHeartbeat:
    return TrainerHeartbeat.objects.create(host=name, process_id=1, device=device, beat_at=timezone.now())


def claimed(run: TrainingRun) -> TrainingRun:
    taken = TrainingRun.objects.claim(TrainerHeartbeat(host="lab", process_id=2, device=TrainerHeartbeat.CPU))
    assert taken == run
    return taken


@pytest.fixture
def dataset(curator: User) -> Dataset:
    entries = [
        *(entry_of(make_reading(), "train", label) for label in ("none", "icosahedral", "none")),
        entry_of(make_reading(), "validation", "none"),
        *(entry_of(make_reading(), "test", label) for label in ("none", "icosahedral")),
    ]
    return freeze(entries, by=curator)


@pytest.fixture
def run(production: ModelVersion, dataset: Dataset, curator: User) -> TrainingRun:
    return TrainingRun.objects.start(curator, dataset=dataset)


class TestAsking:
    def test_fine_tuning_begins_with_the_version_in_production(
        self, run: TrainingRun, production: ModelVersion
    ) -> None:
        assert (run.state, run.start_version, run.name) == (State.WAITING, production, "tiny-r1")

    def test_names_are_not_given_twice(self, run: TrainingRun, curator: User) -> None:
        assert TrainingRun.objects.start(curator).name == "tiny-r2"
        with pytest.raises(ValidationError, match="taken"):
            TrainingRun.objects.start(curator, name="tiny-r1")
        with pytest.raises(ValidationError, match="letters"):
            TrainingRun.objects.start(curator, name="../tiny")
        with pytest.raises(ValidationError, match="a number from 0 to"):
            TrainingRun.objects.start(curator, curated_share=float("nan"))

    def test_without_production_it_says_what_to_do(self, curator: User) -> None:
        ModelVersion.objects.update(state=ModelVersion.State.RETIRED)
        with pytest.raises(TrainingError, match="No version is in production"):
            TrainingRun.objects.start(curator)
        assert TrainingRun.objects.start(curator, kind="anew", preset="tiny").name == "anew-tiny-r1"

    def test_a_record_or_another_input_contract_cannot_be_trained_further(self, curator: User) -> None:
        record = ModelVersion.objects.record("as reported", thresholds_version="1")
        with pytest.raises(TrainingError, match="as reported cannot be trained further"):
            TrainingRun.objects.start(curator, start_version=record)
        other = register(3)
        ModelVersion.objects.filter(pk=other.pk).update(config=other.config | {"input_contract": "two-theta-6000/1"})
        other.refresh_from_db()
        with pytest.raises(TrainingError, match=r"input of the form two-theta-6000/1"):
            TrainingRun.objects.start(curator, start_version=other)

    @pytest.mark.parametrize(
        ("splits", "labels", "said"),
        [
            ([], [], "no pattern to train on"),
            (["test", "validation"], ["none", "icosahedral"], "no pattern to train on"),
            (["train", "train"], ["none", "none"], "have one label, none"),
        ],
        ids=["empty", "nothing to train on", "one class only"],
    )
    def test_a_set_that_teaches_nothing_is_refused(
        self, production: ModelVersion, curator: User, splits: list[str], labels: list[str], said: str
    ) -> None:
        poor = freeze((entry_of(make_reading(), *one) for one in zip(splits, labels, strict=True)), by=curator)
        with pytest.raises(TrainingError, match=said):
            TrainingRun.objects.start(curator, dataset=poor)
        assert not TrainingRun.objects.exists()

    def test_a_draft_is_refused(self, production: ModelVersion, curator: User) -> None:
        draft = Dataset.objects.create(name="Draft", made_by=curator, changed_by=curator)
        with pytest.raises(TrainingError, match="is a draft"):
            TrainingRun.objects.start(curator, dataset=draft)


class TestTheTestSplit:
    def test_only_training_and_validation_come_through(self, dataset: Dataset) -> None:
        material = material_of(dataset)
        assert len(material.train) == 3
        assert material.validation is not None
        assert len(material.validation) == 1
        assert material.left_out == {}

    @pytest.mark.parametrize("same", ["ingot", "file", "numbers"])
    def test_a_set_whose_test_leaks_into_its_training_is_refused(self, curator: User, same: str) -> None:
        ingot = SampleFactory.create()
        piece = SampleFactory.create(parent=ingot)
        trained, tested = make_reading(sample=ingot), make_reading(sample=piece if same == "ingot" else None)
        leak = entry_of(tested, "test", "icosahedral")
        if same == "file":
            leak.file_sha256 = trained.pattern.file.sha256
        elif same == "numbers":
            leak.arrays_sha256 = entry_of(trained).arrays_sha256
        spoilt = freeze([entry_of(trained), entry_of(make_reading(), "train", "icosahedral"), leak], by=curator)
        with pytest.raises(TrainingError, match="is spoilt"):
            material_of(spoilt)

    def test_what_another_set_keeps_for_its_test_is_left_out_and_said(self, dataset: Dataset, curator: User) -> None:
        tested = dataset.entries.filter(split="test").first()
        assert tested
        entries = [
            entry_of(tested.reading, "train", "none"),
            entry_of(make_reading(), "train", "none"),
            entry_of(make_reading(), "train", "icosahedral"),
        ]
        material = material_of(freeze(entries, by=curator, name="Other"))
        assert len(material.train) == 2
        assert material.left_out == {"tests": 1}

    def test_a_version_that_learnt_from_the_test_of_a_set_is_not_trained_on_it(
        self, run: TrainingRun, dataset: Dataset, curator: User
    ) -> None:
        checkpoint = tiny_checkpoint(7, "child")
        weights = checkpoint.weights()
        child = claimed(run).finish(weights, checkpoint.config(weights))
        assert child
        learnt = dataset.entries.filter(split="train").first()
        assert learnt
        turned = [entry_of(learnt.reading, "test", "none"), entry_of(make_reading(), "train", "none")]
        turned.append(entry_of(make_reading(), "train", "icosahedral"))
        other = freeze(turned, by=curator, name="Other")
        with pytest.raises(TrainingError, match="child learnt from 1 patterns"):
            TrainingRun.objects.start(curator, dataset=other, start_version=child)
        assert TrainingRun.objects.start(curator, dataset=other)  # with the version in production, which did not

    def test_numbers_that_are_not_those_that_were_frozen_are_refused(self, dataset: Dataset) -> None:
        entry = dataset.entries.filter(split="train").first()
        assert entry
        counts = bytes(entry.reading.arrays.intensity)
        ReadingArrays.objects.filter(reading=entry.reading).update(intensity=counts[4:] + counts[:4])
        with pytest.raises(TrainingError, match="are not those that were frozen"):
            material_of(dataset)

    def test_a_constant_that_no_candidate_is_near_to_is_left_out(self, curator: User) -> None:
        entries = [
            entry_of(make_reading(), "train", "icosahedral", quasilattice_constant=7.1, lattice_type="P"),
            entry_of(make_reading(), "train", "icosahedral", quasilattice_constant=5.1, lattice_type="P"),
            entry_of(make_reading(), "train", "none"),
        ]
        material = material_of(freeze(entries, by=curator))
        assert material.train.n_by_class()["icosahedral"] == 1
        assert material.left_out == {"far": 1}


class TestTakingUp:
    def test_two_trainers_do_not_take_the_same_run(self, run: TrainingRun) -> None:
        first, second = TrainingRun.objects.claim(trainer("a")), TrainingRun.objects.claim(trainer("b"))
        assert first == run
        assert second is None
        assert first.host == "a"

    def test_a_gpu_is_preferred_while_it_is_idle(self, run: TrainingRun, curator: User) -> None:
        gpu, cpu = trainer("gpu", "NVIDIA H100"), trainer("cpu")
        assert TrainingRun.objects.claim(cpu) is None
        assert TrainingRun.objects.claim(gpu) == run
        second = TrainingRun.objects.start(curator)
        assert TrainingRun.objects.claim(cpu) == second, "the GPU is busy"

    def test_a_run_that_wants_one_of_them_waits_for_it(self, production: ModelVersion, curator: User) -> None:
        on_gpu = TrainingRun.objects.start(curator, wants=Wants.GPU)
        on_cpu = TrainingRun.objects.start(curator, wants=Wants.CPU)
        assert TrainingRun.objects.claim(trainer("cpu")) == on_cpu
        assert TrainingRun.objects.claim(trainer("other cpu")) is None
        assert TrainingRun.objects.claim(trainer("gpu", "NVIDIA H100")) == on_gpu

    def test_a_lost_trainer_writes_nothing_any_more(self, run: TrainingRun) -> None:
        lost = claimed(run)
        TrainingRun.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
        TrainingRun.objects.release_expired()
        other = claimed(run)
        assert lost.keep(step=5) is None
        assert not lost.keep_state(b"old", 5)
        assert not lost.fail(sentence("The disk is full."))
        assert other.keep(step=7) == State.RUNNING

    @pytest.mark.django_db(transaction=True)  # a beat gives an old connection back, which no transaction outlives
    def test_a_kept_state_comes_with_its_whole_curve(self, run: TrainingRun, tmp_path: Path) -> None:
        """Whoever takes the run up after a kill has no other record of the steps before that state."""
        learn(tmp_path, 3)
        training = OvertakenTraining(Trainer(), claimed(run), tmp_path)
        for _ in range(3):
            training.beat(at_once=True)
            run.refresh_from_db()
            assert [point["step"] for point in run.curve if point["step"] <= run.saved_step] == list(
                range(3, run.saved_step + 1, 3)
            )
        assert run.saved_step == 9

    def test_a_run_that_loses_its_process_again_and_again_is_set_aside(self, run: TrainingRun) -> None:
        for _ in range(MAX_ATTEMPTS):
            claimed(run).give_back()
        run.refresh_from_db()
        assert run.state == State.FAILED
        assert run.failure
        assert run.failure["template"].startswith("The training process was lost")
        assert run.resume()
        assert claimed(run).attempts == 1

    def test_one_that_gets_further_each_time_is_not(self, run: TrainingRun) -> None:
        for step in range(2 * MAX_ATTEMPTS):
            taken = claimed(run)
            assert taken.keep_state(b"state", step)
            taken.give_back()
        run.refresh_from_db()
        assert run.state == State.WAITING

    def test_a_state_comes_back_as_it_was_kept(self, run: TrainingRun, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mlmodels.models.versions.PART_SIZE", 4)
        taken = claimed(run)
        taken.keep_state(b"an older state", 1)
        taken.keep_state(b"the state", 2)
        assert taken.kept_state() == b"the state"
        assert taken.state_parts.count() == 3


class TestEnding:
    def test_what_came_of_it_is_a_candidate(self, run: TrainingRun) -> None:
        checkpoint = tiny_checkpoint(9, run.name)
        weights = checkpoint.weights()
        version = claimed(run).finish(weights, checkpoint.config(weights))
        run.refresh_from_db()
        assert version is not None
        assert (run.state, run.version, version.state) == (State.FINISHED, version, ModelVersion.State.CANDIDATE)
        assert version.notes == f"Training run {run.pk}, on Outcomes v1."
        assert not run.cancel()
        assert not run.resume()

    def test_cancelled_at_the_last_moment_it_leaves_no_version(self, run: TrainingRun) -> None:
        taken = claimed(run)
        assert run.cancel()
        checkpoint = tiny_checkpoint(9, "late")
        weights = checkpoint.weights()
        assert taken.finish(weights, checkpoint.config(weights)) is None
        taken.give_back()
        run.refresh_from_db()
        assert run.state == State.CANCELLED
        assert not ModelVersion.objects.filter(name="late").exists()

    def test_weights_of_another_contract_are_not_registered(self, run: TrainingRun) -> None:
        checkpoint = tiny_checkpoint(9, "other")
        weights = checkpoint.weights()
        with pytest.raises(CheckpointError, match="two-theta"):
            claimed(run).finish(weights, checkpoint.config(weights) | {"input_contract": "two-theta-6000/1"})
        run.refresh_from_db()
        assert run.state == State.RUNNING, "whose trainer says that it failed"
        assert not ModelVersion.objects.filter(name="other").exists()

    def test_one_that_waits_is_cancelled_at_once(self, run: TrainingRun) -> None:
        assert run.cancel()
        run.refresh_from_db()
        assert run.state == State.CANCELLED

    def test_one_whose_trainer_is_lost_is_cancelled_at_once(self, run: TrainingRun) -> None:
        claimed(run)
        TrainingRun.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
        assert run.cancel()
        run.refresh_from_db()
        assert run.state == State.CANCELLED


@pytest.mark.django_db(transaction=True)  # who looks on gives an old connection back
def test_who_looks_on_may_leave(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leave(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", leave)
    call_command("retrain", "--follow", run.pk)
    assert f"The training goes on: --follow {run.pk} looks again" in capsys.readouterr().out
    run.refresh_from_db()
    assert run.state == State.WAITING
