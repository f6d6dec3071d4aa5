"""What `manage.py worker --training` does: it takes up training runs, one at a time, and looks after the process that trains.

That process (`mlmodels.net.retraining`) is started anew for each run, so that the memory of torch and CUDA is free again at its
end. It works in a folder and knows no database. All that is to outlive it is carried from there into rows: progress and log each
second, its state each half minute. So it may be killed at any moment, by a cancel, by a stop of this worker or by the system;
another trainer, on this host or another, goes on from the kept state. A version is registered in one transaction at the end.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.db import Error, close_old_connections

from mlmodels.gpu import gpu_name
from mlmodels.material import material_of
from mlmodels.models import TrainerHeartbeat, TrainingError, TrainingRun
from mlmodels.models.training_runs import LOG_LENGTH
from mlmodels.net import retraining
from mlmodels.net.checkpoint import CheckpointError
from mlmodels.net.retraining import CURVE, STATE, Job
from samples.xrd.sentences import Sentence, sentence

logger = logging.getLogger("icosa.trainer")

LOOK_EVERY = 0.2
"""Seconds between two looks at the process and at whether we are told to stop."""
LOG = "log.txt"
NO_ROOM = re.compile(rf"Error.*(?:Errno |os error )(?:{errno.ENOSPC}|{errno.EDQUOT}|{errno.EFBIG})\b")
"""What the log of the process says where it could not write, by Python itself or by safetensors."""


class Withdrawn(Exception):  # noqa: N818  # no error: somebody cancelled, we are told to stop, or another trainer has the run
    """The run is not to be gone on with here."""


class Trainer:
    """Trains what waits, until told to stop."""

    def __init__(self) -> None:
        self.told_to_stop = False

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        _sweep()
        device = gpu_name() or TrainerHeartbeat.CPU
        while not self.told_to_stop:
            try:
                close_old_connections()
                TrainerHeartbeat.objects.silent_for(timedelta(days=1)).delete()
                self.heartbeat = TrainerHeartbeat.objects.register()
                self.heartbeat.device = device
                self.heartbeat.beat()
                TrainingRun.objects.release_expired()
                run = TrainingRun.objects.claim(self.heartbeat)
            except Error as error:
                logger.error("The database does not answer: %s", error)
                run = None
            if run:
                self.train(run)
            else:
                self._wait(settings.TRAINING_BEAT)
        with contextlib.suppress(Error):
            self.heartbeat.delete()

    def train(self, run: TrainingRun) -> None:
        """See ``run`` through to its end here, or to where somebody else is to take it up."""
        logger.info("Training run %s: %s", run.pk, run.name)
        try:
            with _scratch(run) as folder:
                Training(self, run, folder).see_through()
        except Withdrawn:
            _insist(run.give_back, parked=self.told_to_stop)
        except (TrainingError, CheckpointError) as error:
            _insist(run.fail, error.sentence)
        except Error:
            logger.exception("Training run %s", run.pk)
            _insist(run.give_back)
        except Exception as error:  # one run must not take the trainer along
            logger.exception("Training run %s", run.pk)
            _insist(
                run.fail, why_no_room() or sentence("%(host)s cannot train: %(error)s", host=run.host, error=str(error))
            )

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.told_to_stop and time.monotonic() < until:
            time.sleep(LOOK_EVERY)

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self.told_to_stop = True


class Training:
    """One run in the hands of this trainer, and the folder in which its process works."""

    def __init__(self, trainer: Trainer, run: TrainingRun, folder: Path) -> None:
        self.trainer, self.run, self.folder = trainer, run, folder
        self.log_before = run.log
        self.curve_before = [point for point in run.curve if point["step"] <= run.saved_step]
        self.saved_at = 0
        self.next_beat = 0.0

    def see_through(self) -> None:
        if no_room := why_no_room():
            raise TrainingError(no_room.template, **no_room.values)
        self._lay_out()
        process = self._start()
        try:
            while process.poll() is None:
                self.beat()
                time.sleep(LOOK_EVERY)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.beat(at_once=True)
        self._take_in(process.returncode)

    def beat(self, *, at_once: bool = False) -> None:
        """Carry into the database what is new in the folder.  Withdrawn where the run is not to be gone on with."""
        if self.trainer.told_to_stop:
            raise Withdrawn
        if time.monotonic() < self.next_beat and not at_once:
            return
        self.next_beat = time.monotonic() + settings.TRAINING_BEAT
        try:
            close_old_connections()
            self.trainer.heartbeat.beat()
            written, learnt = self._new_state()  # before the curve, which so reaches at least as far
            state = self.run.keep(**self._progress())
            if learnt and state == TrainingRun.State.RUNNING:
                self.run.keep_state(learnt, retraining.step_of(learnt))
                self.saved_at = written
        except Error as error:  # it may be back with the next beat; the training goes on meanwhile
            logger.error("The database does not answer: %s", error)
            return
        if state != TrainingRun.State.RUNNING:
            raise Withdrawn

    def _lay_out(self) -> None:
        run, train, validation, record = self.run, None, None, {}
        if run.dataset and run.curated_share:
            material = material_of(run.dataset, on_the_way=self.beat)
            train, validation, record = material.train, material.validation, material.as_json()
        lineage = {"training_run": run.pk, "start_version": run.start_version.name if run.start_version else ""}
        if run.dataset:
            lineage |= {"data_set": str(run.dataset), "data_set_sha256": run.dataset.sha256}
        job = Job(
            name=run.name,
            preset=run.preset,
            seed=run.seed,
            steps=run.steps,
            curated_share=run.curated_share,
            n_calibration=settings.TRAINING_CALIBRATION,
            save_every=settings.TRAINING_SAVE_EVERY,
            command=f"training run {run.pk}",
            lineage=lineage,
        )
        start = run.start_version.checkpoint() if run.start_version else None
        retraining.lay_out(self.folder, job, start=start, train=train, validation=validation, state=run.kept_state())
        if (state := self.folder / STATE).exists():
            self.saved_at = state.stat().st_mtime_ns  # which is kept already
        run.keep(material=record)

    def _start(self) -> subprocess.Popen[bytes]:
        """The process that trains, in a session, and so a process group, of its own."""
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        on_cpu = self.run.wants == TrainingRun.Wants.CPU or not self.trainer.heartbeat.has_gpu
        if on_cpu:
            environment["CUDA_VISIBLE_DEVICES"] = ""
        command = [sys.executable, "-m", "mlmodels.net.retraining", str(self.folder)]
        with (self.folder / LOG).open("wb") as log:
            process = subprocess.Popen(  # noqa: S603
                command, env=environment, cwd=settings.BASE_DIR, stdout=log, stderr=log, start_new_session=True
            )
        if on_cpu:
            with contextlib.suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, process.pid, settings.TRAINING_NICENESS)
        return process

    def _progress(self) -> dict[str, Any]:
        progress: dict[str, Any] = {"log": self._log()}
        with contextlib.suppress(FileNotFoundError):
            written = (self.folder / CURVE).read_text()
            points = [json.loads(line) for line in written.splitlines(keepends=True) if line.endswith("\n")]
            curve = self.curve_before + points
            progress |= {"curve": curve, "step": curve[-1]["step"] if curve else 0}
        if not self.run.config:
            with contextlib.suppress(FileNotFoundError):
                self.run.config = progress["config"] = json.loads((self.folder / retraining.CONFIG).read_text())
        return progress

    def _log(self) -> str:
        try:
            said = (self.folder / LOG).read_bytes()[-LOG_LENGTH:].decode(errors="replace")
        except FileNotFoundError:
            said = ""
        head = f"— {self.run.host} ({self.run.device}), from step {self.run.saved_step} —\n"
        return (self.log_before + head + said).replace("\x00", "")[-LOG_LENGTH:]

    def _new_state(self) -> tuple[int, bytes]:
        """When the state in the folder was written, and what it holds; empty where it is the kept one."""
        with contextlib.suppress(FileNotFoundError):
            path = self.folder / STATE
            if (written := path.stat().st_mtime_ns) != self.saved_at:
                return written, path.read_bytes()
        return self.saved_at, b""

    def _take_in(self, status: int) -> None:
        """Register what was made, or say what went wrong."""
        made = retraining.made_in(self.folder) if status == 0 else None
        if made:
            _insist(self.run.finish, *made)
        elif status < 0:
            logger.error("Training run %s lost its process (signal %s).", self.run.pk, -status)
            _insist(self.run.give_back)
        elif no_room := why_no_room():
            raise TrainingError(no_room.template, **no_room.values)
        else:
            lines = (self.folder / LOG).read_text(errors="replace").strip().splitlines()
            if any(map(NO_ROOM.search, lines)):
                raise TrainingError(
                    "The disk of %(host)s ran full during the training. No version was made, and what it learnt up to step %(step)s "
                    "is kept. Make room, then resume.",
                    host=self.run.host,
                    step=TrainingRun.objects.values_list("saved_step", flat=True).get(pk=self.run.pk),
                )
            raise TrainingError(
                "The training ended with an error: %(error)s. The log below has the rest. See to the cause, then resume: it goes on "
                "from its last state.",
                error=(lines[-1] if lines else str(status))[:300],
            )


def why_no_room() -> Sentence | None:
    """The sentence that says that the disk of this host is too full to train; None where it is not."""
    free = shutil.disk_usage(_home()).free
    if free >= settings.TRAINING_DISK:
        return None
    return sentence(
        "The disk is full where the training writes: %(free)s MB are free, %(needed)s MB are needed. Make room, or train on another "
        "host, then resume. Nothing is lost.",
        free=free // 1_000_000,
        needed=settings.TRAINING_DISK // 1_000_000,
    )


def _home() -> Path:
    home: Path = settings.DATA_DIR / "training"
    home.mkdir(exist_ok=True)
    return home


@contextlib.contextmanager
def _scratch(run: TrainingRun) -> Iterator[Path]:
    """A folder for one run, named by this process, and gone in the end."""
    folder = _home() / f"{os.getpid()}@{socket.gethostname()}-{run.pk}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """Take away the folders that trainers of this host left when they were killed."""
    for folder in _home().glob(f"*@{socket.gethostname()}-*"):
        try:
            os.kill(int(folder.name.partition("@")[0]), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)


def _insist(write: Any, *args: Any, **options: Any) -> None:
    """Do ``write`` once the database answers; at the latest by then, another trainer has the run and it does nothing."""
    until = time.monotonic() + settings.TRAINING_LEASE
    while True:
        try:
            close_old_connections()
            write(*args, **options)
        except Error as error:
            logger.error("The database does not answer: %s", error)
            if time.monotonic() > until:
                return
            time.sleep(1)
        else:
            return
