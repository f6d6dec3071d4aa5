"""Training runs: the rows that retraining lives in, from the wish of a person to the version that came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from math import isnan
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mlmodels.models.dataset_entries import Label
from mlmodels.models.datasets import Dataset
from mlmodels.models.heartbeats import TrainerHeartbeat
from mlmodels.models.versions import ModelVersion, in_parts
from mlmodels.net.checkpoint import CheckpointError
from samples.xrd.sentences import Sentence, Value, sentence

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

MAX_ATTEMPTS = 3
"""Times in a row that a run may lose its process without getting any further."""
LOG_LENGTH = 20_000
"""Characters of the log that are kept: the last ones."""


class LeftOut(models.TextChoices):
    """Why a pattern of the right split is not learnt from all the same."""

    TESTS = "tests", _("kept for the test of another data set")
    NOT_SCREENABLE = "not_screenable", _("not screenable")
    FAR = "far", _("a_R outside of what networks look for")


class TrainingError(ValueError):
    """A training that cannot be had; ``.sentence`` says why and what to do."""

    def __init__(self, template: str, /, **values: Value) -> None:
        self.sentence = sentence(template, **values)
        super().__init__(str(self.sentence))


class TrainingRunQuerySet(models.QuerySet["TrainingRun"]):
    def unfinished(self) -> TrainingRunQuerySet:
        return self.filter(state__in=TrainingRun.UNFINISHED)

    def waiting(self) -> TrainingRunQuerySet:
        return self.filter(state=TrainingRun.State.WAITING)

    def active(self) -> TrainingRunQuerySet:
        """Those that a trainer has in its hands."""
        return self.filter(state__in=TrainingRun.ACTIVE)

    def start(self, by: User | None, **wanted: Any) -> TrainingRun:
        """Ask for a training, which a trainer takes up; TrainingError or ValidationError says why it cannot be had.

        ``wanted``: kind, name, start_version (by default the one in production), dataset, preset, steps, seed,
        curated_share, wants. ``by`` is None where it was asked on the command line.
        """
        run = self.model(started_by=by, **wanted)
        if run.kind == TrainingRun.Kind.FINE_TUNE and run.start_version is None:
            run.start_version = ModelVersion.objects.production()
        run.full_clean()
        run.check_possible()
        run.name = run.name or run.free_name()
        run.save()
        return run

    def claim(self, trainer: TrainerHeartbeat) -> TrainingRun | None:
        """Take the run that waited longest under a lease; None where none waits for a host like this one.

        A trainer without a GPU leaves a run that may run anywhere to one with a GPU that is idle.
        """
        wants = TrainingRun.Wants
        not_for_us = [wants.CPU] if trainer.has_gpu else [wants.GPU]
        if not trainer.has_gpu and _a_gpu_is_idle():
            not_for_us.append(wants.ANY)
        for run in self.waiting().exclude(wants__in=not_for_us).order_by("asked_at", "pk"):
            lease = uuid4()
            if (
                self.waiting()
                .filter(pk=run.pk)
                .update(
                    state=TrainingRun.State.RUNNING,
                    attempts=run.attempts + 1,
                    lease=lease,
                    leased_until=_lease_end(),
                    host=trainer.host,
                    device=trainer.device,
                    begun_at=run.begun_at or timezone.now(),
                    failure=None,
                )
            ):
                return self.get(lease=lease)
        return None

    def release_expired(self) -> None:
        """Let others take the runs whose trainer was lost."""
        for run in self.active().filter(leased_until__lt=timezone.now()):
            run.give_back()


class TrainingRun(models.Model):
    """One training of a network, followed while it runs, and the record of what it was made from."""

    class Kind(models.TextChoices):
        FINE_TUNE = "fine_tune", _("fine-tune a version")
        ANEW = "anew", _("train anew")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        CANCELLING = "cancelling", _("being cancelled")
        CANCELLED = "cancelled", _("cancelled")
        FAILED = "failed", _("failed")
        FINISHED = "finished", _("finished")

    class Wants(models.TextChoices):
        ANY = "any", _("a GPU where there is one")
        GPU = "gpu", _("a GPU only")
        CPU = "cpu", _("the CPU only")

    class Preset(models.TextChoices):
        LAPTOP = "laptop", _("laptop: small, for two cores")
        GPU = "gpu", _("gpu: wider")
        TINY = "tiny", _("tiny: seconds, to see that it runs")

    ACTIVE = (State.RUNNING, State.CANCELLING)
    UNFINISHED = (State.WAITING, *ACTIVE)

    name = models.CharField(
        _("name of the version"),
        max_length=70,
        blank=True,
        validators=[RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9._-]*$", _("Use letters, digits, points and dashes."))],
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.FINE_TUNE)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING, editable=False)
    start_version = models.ForeignKey(
        ModelVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="trained_further",
        verbose_name=_("begins with"),
    )
    dataset = models.ForeignKey(
        Dataset,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="training_runs",
        verbose_name=_("data set"),
    )
    version = models.ForeignKey(
        ModelVersion,
        on_delete=models.PROTECT,
        null=True,
        related_name="training_runs",
        verbose_name=_("version that came of it"),
        editable=False,
    )
    preset = models.CharField(_("size"), max_length=10, choices=Preset, default=Preset.LAPTOP)
    steps = models.PositiveIntegerField(
        _("steps"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(1_000_000)]
    )
    seed = models.PositiveIntegerField(_("seed"), default=1, validators=[MaxValueValidator(2**31 - 1)])
    curated_share = models.FloatField(
        _("share of measured patterns"), default=0.25, validators=[MinValueValidator(0.0), MaxValueValidator(0.8)]
    )
    wants = models.CharField(_("runs on"), max_length=3, choices=Wants, default=Wants.ANY)

    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("asked by"),
        editable=False,
    )
    asked_at = models.DateTimeField(_("asked at"), auto_now_add=True)
    begun_at = models.DateTimeField(_("begun at"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished at"), null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, editable=False)
    lease = models.UUIDField(_("lease"), null=True, editable=False, db_index=True)
    leased_until = models.DateTimeField(_("leased until"), null=True, editable=False)
    host = models.CharField(_("host"), max_length=200, blank=True, editable=False)
    device = models.CharField(_("device"), max_length=60, blank=True, editable=False)

    config = models.JSONField(_("all settings of the training"), default=dict, editable=False)
    material = models.JSONField(_("patterns that it learns from"), default=dict, editable=False)
    step = models.PositiveIntegerField(_("step"), default=0, editable=False)
    saved_step = models.PositiveIntegerField(_("step of the kept state"), default=0, editable=False)
    curve = models.JSONField(_("learning curve"), default=list, editable=False)
    log = models.TextField(_("log"), blank=True, editable=False)
    failure = models.JSONField(_("why it failed"), null=True, editable=False)

    objects = TrainingRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="finished", version__isnull=False) | (~Q(state="finished") & Q(version=None)),
                name="finished_trainings_have_a_version",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.pk})"

    def get_absolute_url(self) -> str:
        return reverse("mlmodels:training", args=[self.pk])

    @property
    def is_unfinished(self) -> bool:
        return self.state in self.UNFINISHED

    @property
    def n_steps(self) -> int:
        """All of them; 0 until the training process has said so."""
        return int(self.config.get("steps") or self.steps or 0)

    @property
    def counts(self) -> list[tuple[StrOrPromise, list[tuple[StrOrPromise, int]]]]:
        """How many patterns it learns from, by label, and how many were left out, by reason; empty before it has looked."""
        names = {"train": _("Training split"), "validation": _("Validation split"), "left_out": _("Left out")}
        words: dict[str, StrOrPromise] = {label.value: label.label for label in (*Label, *LeftOut)}
        counted = ((name, self.material.get(key) or {}) for key, name in names.items())
        return [(name, [(words[what], n) for what, n in of.items() if n]) for name, of in counted if any(of.values())]

    @property
    def can_be_cancelled(self) -> bool:
        return self.state in (self.State.WAITING, self.State.RUNNING)

    @property
    def can_be_resumed(self) -> bool:
        return self.state in (self.State.CANCELLED, self.State.FAILED)

    def clean(self) -> None:
        """A name that no other version bears, or will bear, and a share that is a number."""
        if isnan(self.curated_share):
            raise ValidationError({"curated_share": _("Write a number from 0 to 0.8.")})
        others = TrainingRun.objects.exclude(pk=self.pk).unfinished().filter(name=self.name)
        if self.name and (others.exists() or ModelVersion.objects.filter(name=self.name).exists()):
            raise ValidationError({"name": _("This name is taken. Choose another, or leave it empty.")})

    def check_possible(self) -> None:
        """TrainingError where this training cannot be had, or would spoil a test."""
        from mlmodels import material

        if self.kind == self.Kind.FINE_TUNE:
            if self.start_version is None:
                raise TrainingError("No version is in production. Choose the version to begin with, or train anew.")
            try:
                self.start_version.checkpoint()
            except CheckpointError as error:
                raise TrainingError(
                    "%(version)s cannot be trained further. %(why)s",
                    version=self.start_version.name,
                    why=error.sentence,
                ) from error
        elif self.start_version is not None:
            raise TrainingError("A training anew begins with no version. Leave the version empty, or fine-tune it.")
        if self.dataset:
            material.check_trainable(self.dataset)
            if self.start_version:
                material.check_unseen(self.dataset, self.start_version)

    def free_name(self) -> str:
        """What the version is called where nobody said: icosa-2-r1 after icosa-2, and so on."""
        stem = self.start_version.name.partition("-r")[0] if self.start_version else f"anew-{self.preset}"
        stem = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in stem)[:50]
        taken = {
            *ModelVersion.objects.filter(name__startswith=stem).values_list("name", flat=True),
            *TrainingRun.objects.filter(name__startswith=stem).values_list("name", flat=True),
        }
        return next(name for n in range(1, len(taken) + 2) if (name := f"{stem}-r{n}") not in taken)

    def cancel(self) -> bool:
        """Stop it; what it has learnt so far is kept, and it can be resumed. False where it has ended already."""
        now = timezone.now()
        runs = TrainingRun.objects.filter(pk=self.pk)
        lost = Q(state=self.State.RUNNING, leased_until__lt=now)
        if runs.filter(Q(state=self.State.WAITING) | lost).update(**self._ended(self.State.CANCELLED)):
            return True
        return runs.filter(state=self.State.RUNNING).update(state=self.State.CANCELLING) == 1

    def resume(self) -> bool:
        """Let a run that was cancelled or failed go on from its last state; False where it is neither."""
        resumable = (self.State.CANCELLED, self.State.FAILED)
        stopped = TrainingRun.objects.filter(pk=self.pk, state__in=resumable)
        return stopped.update(state=self.State.WAITING, attempts=0, failure=None, finished_at=None) == 1

    # What the trainer that holds the lease says; each is refused where another has the run by now.

    def keep(self, **progress: Any) -> State | None:
        """Note ``progress`` and prolong the lease; the state that the run is in by now, None where it is not ours any more."""
        if not self._ours().update(leased_until=_lease_end(), **progress):
            return None
        return self.State(TrainingRun.objects.values_list("state", flat=True).get(pk=self.pk))

    @transaction.atomic
    def keep_state(self, state: bytes, step: int) -> bool:
        """Keep all that the next step depends on, in rows, so that any host can go on; the state before makes room."""
        if not self._ours().update(saved_step=step, attempts=0, leased_until=_lease_end()):
            return False
        self.state_parts.all().delete()
        parts = (TrainingStatePart(run=self, number=n, content=part) for n, part in enumerate(in_parts(state)))
        TrainingStatePart.objects.bulk_create(parts)
        return True

    def kept_state(self) -> bytes:
        """The last state; empty before the first."""
        return b"".join(bytes(part) for part in self.state_parts.values_list("content", flat=True))

    @transaction.atomic
    def finish(self, weights: bytes, config: Mapping[str, Any]) -> ModelVersion | None:
        """Register what was made as a candidate, whole or not at all; None where the run was cancelled or is not ours any more.

        CheckpointError where the weights are of another input contract, or broken.
        """
        if not self._ours().filter(state=self.State.RUNNING).exists():
            return None
        notes = f"Training run {self.pk}." if self.dataset is None else f"Training run {self.pk}, on {self.dataset}."
        version = ModelVersion.objects.register(weights, config, notes=notes)
        ended = self._ended(self.State.FINISHED) | {"version": version}
        if not self._ours().filter(state=self.State.RUNNING).update(**ended):
            transaction.set_rollback(True)
            return None
        self.state_parts.all().delete()
        return version

    def fail(self, why: Sentence) -> bool:
        return self._ours().update(**self._ended(self.State.FAILED), failure=why.as_json()) == 1

    def give_back(self, *, parked: bool = False) -> None:
        """Let another trainer take it up; set aside after MAX_ATTEMPTS that got no further. ``parked``: nothing went wrong."""
        self.refresh_from_db(fields=["state", "attempts", "saved_step"])
        if self.state == self.State.CANCELLING:
            self.note_cancelled()
        elif parked or self.attempts < MAX_ATTEMPTS:
            attempts = max(0, self.attempts - 1) if parked else self.attempts
            self._ours().update(state=self.State.WAITING, attempts=attempts, lease=None, leased_until=None)
        else:
            self.fail(
                sentence(
                    "The training process was lost %(attempts)s times in a row, the last time on %(host)s: out of memory, or "
                    "killed. See to the host, then resume: it goes on from step %(step)s.",
                    attempts=self.attempts,
                    host=self.host,
                    step=self.saved_step,
                )
            )

    def note_cancelled(self) -> None:
        self._ours().update(**self._ended(self.State.CANCELLED))

    def _ours(self) -> models.QuerySet[TrainingRun]:
        return TrainingRun.objects.active().filter(pk=self.pk, lease=self.lease)

    @staticmethod
    def _ended(state: State) -> dict[str, Any]:
        return {"state": state, "lease": None, "leased_until": None, "finished_at": timezone.now()}


class TrainingStatePart(models.Model):
    """A piece of the last state of a run, under 5 MB; working material, and gone when the run has finished."""

    run = models.ForeignKey(
        TrainingRun, on_delete=models.PROTECT, related_name="state_parts", verbose_name=_("training run")
    )
    number = models.PositiveSmallIntegerField()
    content = models.BinaryField(editable=False)

    class Meta:
        default_permissions = ()
        ordering = ["run", "number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="one_state_part_a_number")]

    def __str__(self) -> str:
        return f"{self.run} {self.number}"


def _lease_end() -> Any:
    return timezone.now() + timedelta(seconds=settings.TRAINING_LEASE)


def _a_gpu_is_idle() -> bool:
    trainers = TrainerHeartbeat.objects.alive().with_gpu().count()
    return trainers > TrainingRun.objects.active().exclude(device=TrainerHeartbeat.CPU).count()
