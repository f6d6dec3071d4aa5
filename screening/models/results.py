"""Screening results: the rows that the jobs live in, and what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID, uuid4

import numpy as np
from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from mlmodels.models import ModelVersion
from mlmodels.net.classify import THRESHOLDS_VERSION
from samples.models import (
    AlloySystem,
    Notice,
    NoticeKind,
    Pattern,
    Reading,
)
from samples.models.projects import VisibleQuerySet
from samples.models.unchanging import UnchangingError
from samples.xrd.sentences import Sentence, sentence
from screening import pipeline
from screening.bell import ring_on_commit

if TYPE_CHECKING:
    from screening.models.reviews import Review
    from screening.models.runs import ScreeningRun

MAX_ATTEMPTS = 3

ARCHIVE_BATCHES = 4
"""So many batches of the archive are claimed and written at once: each statement is then for more rows."""

FINISHED = (
    *("state", "lease", "leased_until", "reason", "level", "probability", "phases", "quasilattice_constant"),
    *(
        "quasilattice_constant_sigma",
        "lattice_type",
        "share",
        "evidence",
        "thresholds_version",
        "device",
        "finished_at",
    ),
)
"""What a call writes into its row."""


class ScreeningResultQuerySet(VisibleQuerySet["ScreeningResult"]):
    """Adjectives that chain, and the protocol of the queue: enqueue, claim, release."""

    project_paths = ("reading__pattern__sample__project", "reading__pattern__project")

    def queued(self) -> ScreeningResultQuerySet:
        return self.filter(state=ScreeningResult.State.QUEUED)

    def claimable(self) -> ScreeningResultQuerySet:
        """Queued and not held back, as those of a screening of the archive are while it pauses."""
        return self.queued().filter(priority__lt=ScreeningResult.Priority.HELD_BACK)

    def of_the_lab(self) -> ScreeningResultQuerySet:
        """Without what a candidate version said in the shadow: that is nobody's call."""
        return self.exclude(model_version__state=ModelVersion.State.CANDIDATE)

    def awaiting(self) -> ScreeningResultQuerySet:
        """Queued, or being screened right now."""
        return self.filter(state__in=[ScreeningResult.State.QUEUED, ScreeningResult.State.RUNNING])

    def answered(self) -> ScreeningResultQuerySet:
        """With a class, or a reason why there is none."""
        return self.exclude(state__in=[ScreeningResult.State.QUEUED, ScreeningResult.State.RUNNING])

    def done(self) -> ScreeningResultQuerySet:
        return self.filter(state=ScreeningResult.State.DONE)

    def unconsidered(self) -> ScreeningResultQuerySet:
        """Calls of the version in production that the review queue has not looked at."""
        version = ModelVersion.objects.filter(state=ModelVersion.State.PRODUCTION).values_list("pk", flat=True).first()
        return self.done().filter(model_version=version, considered_at=None)

    def not_done(self) -> ScreeningResultQuerySet:
        """All but the archive: an index holds these alone, and SQLite takes it where a question says so in these words."""
        return self.exclude(state=ScreeningResult.State.DONE)

    def failed(self) -> ScreeningResultQuerySet:
        """Set aside after MAX_ATTEMPTS, until somebody asks for another try."""
        return self.filter(state=ScreeningResult.State.FAILED)

    def production(self) -> ScreeningResultQuerySet:
        """Of the version that is in production now.

        Asked of each result, for a join would tempt SQLite to begin with the version and to read all that it ever called.
        """
        return self.filter(Exists(ModelVersion.objects.filter(pk=OuterRef("model_version"), state="production")))

    def of_newest_readings(self) -> ScreeningResultQuerySet:
        newer = Reading.objects.filter(pattern=OuterRef("reading__pattern"), number__gt=OuterRef("reading__number"))
        return self.filter(~Exists(newer))

    def current(self) -> ScreeningResultQuerySet:
        """Of the newest reading of each pattern that is not archived."""
        return self.of_newest_readings().filter(reading__pattern__archived_at=None)

    def for_system(self, system: AlloySystem) -> ScreeningResultQuerySet:
        return self.filter(reading__pattern__sample__system=system)

    def for_patterns(self, patterns: Iterable[Pattern]) -> ScreeningResultQuerySet:
        return self.filter(reading__pattern__in=patterns)

    def latest_of(self, patterns: Iterable[Pattern]) -> dict[int, ScreeningResult]:
        """The result to show for each of ``patterns``, by its id, in one query; without the evidence.

        Of its newest reading: by the version in production, else by the newest one, and by a recorded one where there is
        no other.  What the archive is only about to be asked gives way to what was called before.
        """
        rows = self.for_patterns(patterns).of_the_lab().of_newest_readings().select_related("reading", "model_version")
        ascending = sorted(rows.defer("evidence", "model_version__config"), key=ScreeningResult.precedence)
        return {row.reading.pattern_id: row for row in ascending}

    def enqueue(self, run: ScreeningRun, readings: Iterable[Reading]) -> list[ScreeningResult]:
        """A row for each of ``readings`` and the production version, queued or at once "not screenable, because …".

        Blank scans are not screened, and nothing is where no version is in production.
        """
        version = ModelVersion.objects.production()
        if version is None:
            return []
        return [
            self._enqueue_one(run, reading, version)
            for reading in readings
            if reading.pattern.kind == Pattern.Kind.MEASUREMENT
        ]

    def _enqueue_one(self, run: ScreeningRun, reading: Reading, version: ModelVersion) -> ScreeningResult:
        here = self.filter(reading=reading, model_version=version).first()
        if here:
            return here
        reason = pipeline.check(reading.as_pattern())
        fate: dict[str, Any] = {"state": ScreeningResult.State.QUEUED}
        if reason:
            fate = {
                "state": ScreeningResult.State.NOT_SCREENABLE,
                "reason": reason.as_json(),
                "finished_at": timezone.now(),
            }
        result, _made = self.get_or_create(
            reading=reading,
            model_version=version,
            defaults={"run": run, "priority": ScreeningResult.PRIORITY_OF[run.why], **fate},
        )
        return result

    def queue_behind(self, run: ScreeningRun, readings: Iterable[int], version: ModelVersion) -> None:
        """Queue readings, by their ids, behind all uploads; whether they can be screened is looked at when they are taken."""
        self.bulk_create(
            [
                ScreeningResult(
                    run=run, reading_id=reading, model_version=version, priority=ScreeningResult.Priority.RESCREEN
                )
                for reading in readings
            ],
            ignore_conflicts=True,
        )

    @transaction.atomic
    def record_call(self, run: ScreeningRun, reading: Reading, version: ModelVersion, level: str) -> ScreeningResult:
        """Record a call that was made elsewhere: a class, and no probability."""
        return self.create(
            run=run,
            reading=reading,
            model_version=version,
            state=ScreeningResult.State.DONE,
            level=level,
            thresholds_version=version.thresholds_version,
            finished_at=timezone.now(),
        )

    def claim(self, limit: int) -> list[ScreeningResult]:
        """Take up to ``limit`` queued rows of one model version under a lease; none where nothing waits.

        A row that was tried before is taken alone: if it kills its worker again, it takes no others along.
        """
        if not self.claimable().exists():
            return []
        lease = uuid4()
        with transaction.atomic():
            waiting = self.claimable().select_for_update(skip_locked=True).order_by("priority", "attempts", "pk")
            first = waiting.only("attempts", "model_version", "priority").first()
            if first is None:
                return []
            chosen = [first.pk]
            if first.attempts == 0:
                limit = limit * ARCHIVE_BATCHES if first.is_of_archive else limit
                fresh = waiting.filter(attempts=0, model_version=first.model_version_id)
                chosen = list(fresh.values_list("pk", flat=True)[:limit])
            self.queued().filter(pk__in=chosen).update(
                state=ScreeningResult.State.RUNNING,
                attempts=F("attempts") + 1,
                lease=lease,
                leased_until=timezone.now() + timedelta(seconds=settings.SCREENING_LEASE),
            )
        return list(self.filter(lease=lease).select_related("reading__arrays").order_by("priority", "pk"))

    @transaction.atomic
    def finish(self, calls: Mapping[ScreeningResult, pipeline.Call], *, device: str) -> set[int]:
        """Write the calls on rows that are still leased to us, and say which these were; other workers have the rest by now.

        The rows are held first, and then written at once.
        """
        running = self.filter(pk__in=[row.pk for row in calls], state=ScreeningResult.State.RUNNING)
        leases = dict(running.select_for_update().values_list("pk", "lease"))
        ours = [row for row in calls if row.lease and row.lease == leases.get(row.pk)]
        for row in ours:
            row.take(calls[row], device=device)
        self.bulk_create(ours, update_conflicts=True, unique_fields=["pk"], update_fields=FINISHED)
        return {row.pk for row in ours}

    def take_back(self, leases: Iterable[UUID]) -> int:
        """Queue rows of these leases again, as if they had not been tried: their worker lives, and lost the database alone."""
        held = self.filter(state=ScreeningResult.State.RUNNING, lease__in=leases)
        return held.update(
            state=ScreeningResult.State.QUEUED, attempts=F("attempts") - 1, lease=None, leased_until=None
        )

    def put_off(self, leases: Iterable[UUID], reason: Sentence) -> None:
        """The same where the reason is told while they wait."""
        self.filter(state=ScreeningResult.State.RUNNING, lease__in=leases).update(reason=reason.as_json())
        self.take_back(leases)

    def release_expired(self) -> int:
        """Put rows whose worker was lost back into the queue, or aside after MAX_ATTEMPTS; returns how many there were."""
        expired = self.filter(state=ScreeningResult.State.RUNNING, leased_until__lt=timezone.now())
        lost = sentence("The worker was lost while it screened this pattern, as it is when memory runs out.")
        return sum(row.give_back(lost) for row in expired.only("attempts", "lease"))


class ScreeningResult(models.Model):
    """One call of one model version on one reading.

    Made as `queued` in the transaction that stores the pattern; a worker claims it with a lease, and once it is
    `done` it never changes.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        DONE = "done", _("screened")
        NOT_SCREENABLE = "not_screenable", _("not screenable")
        FAILED = "failed", _("failed")

    class Level(models.TextChoices):
        A = "A", "A"
        B = "B", "B"
        C = "C", "C"
        D = "D", "D"

    class Priority(models.IntegerChoices):
        UPLOAD = 0, _("fresh upload")
        RETRY = 5, _("retry")
        RESCREEN = 9, _("rescreen")
        HELD_BACK = 99, _("held back")

    PRIORITY_OF = {
        "upload": Priority.UPLOAD,
        "correction": Priority.UPLOAD,
        "retry": Priority.RETRY,
        "rescreen": Priority.RESCREEN,
        "shadow": Priority.RESCREEN,
        "import": Priority.RESCREEN,
    }

    run = models.ForeignKey(
        "screening.ScreeningRun", on_delete=models.PROTECT, related_name="results", verbose_name=_("screening run")
    )
    reading = models.ForeignKey(Reading, on_delete=models.PROTECT, related_name="results", verbose_name=_("reading"))
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="results", verbose_name=_("model version")
    )

    state = models.CharField(_("state"), max_length=16, choices=State, default=State.QUEUED)
    priority = models.PositiveSmallIntegerField(_("priority"), choices=Priority, default=Priority.UPLOAD)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    lease = models.UUIDField(_("lease"), null=True, editable=False, db_index=True)
    leased_until = models.DateTimeField(_("leased until"), null=True, editable=False)
    reason = models.JSONField(_("why not"), null=True, blank=True)

    level = models.CharField(_("class"), max_length=1, choices=Level, blank=True)
    probability = models.FloatField(_("probability"), null=True, blank=True)
    phases = models.JSONField(_("probabilities of the phases"), null=True, blank=True)
    quasilattice_constant = models.FloatField(_("quasilattice constant a_R (Å)"), null=True, blank=True)
    quasilattice_constant_sigma = models.FloatField(_("uncertainty of a_R (Å)"), null=True, blank=True)
    lattice_type = models.CharField(_("lattice type"), max_length=1, blank=True)
    share = models.FloatField(_("share of the scattering"), null=True, blank=True)
    evidence = models.BinaryField(_("evidence along a_R"), null=True, editable=False)  # little-endian float32
    thresholds_version = models.CharField(_("version of the class thresholds"), max_length=40, blank=True)
    device = models.CharField(_("device"), max_length=60, blank=True)
    queued_at = models.DateTimeField(_("queued at"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    considered_at = models.DateTimeField(_("put before the review queue at"), null=True, editable=False)

    objects = ScreeningResultQuerySet.as_manager()

    class Meta:
        verbose_name = _("screening result")
        verbose_name_plural = _("screening results")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["reading", "model_version"], name="one_result_a_reading_and_version"),
            models.CheckConstraint(
                condition=(Q(state="done") & ~Q(level="")) | (~Q(state="done") & Q(level="")),
                name="done_results_have_a_class",
            ),
        ]
        indexes = [
            models.Index(fields=["priority", "attempts", "id"], condition=Q(state="queued"), name="result_waiting"),
            models.Index(
                fields=["model_version", "id"],
                condition=Q(state="done", considered_at=None),
                name="result_unconsidered",
            ),
            models.Index(fields=["leased_until"], condition=Q(state="running"), name="result_leased"),
            models.Index(fields=["state", "finished_at"], condition=~Q(state="done"), name="result_not_done"),
            models.Index(fields=["finished_at"], condition=Q(state="done"), name="result_finished"),
            models.Index(fields=["model_version", "level"], name="result_version_class"),
            models.Index(fields=["model_version", "quasilattice_constant"], name="result_version_a_r"),
        ]

    def __str__(self) -> str:
        return f"{self.reading}: {self.level or self.get_state_display()}"

    def save(self, **options: Any) -> None:
        if self.pk and ScreeningResult.objects.done().filter(pk=self.pk).exists():
            raise UnchangingError(f"Result {self.pk} is done and does not change; a new model version writes a new row")
        super().save(**options)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise UnchangingError(f"Result {self.pk} is evidence and is not deleted")

    @property
    def is_of_archive(self) -> bool:
        """Asked of a pattern that was called before: nobody waits for it."""
        return self.priority >= self.Priority.RESCREEN

    def precedence(self) -> tuple[bool, int, int]:
        """Which of several on a pattern is shown: the highest."""
        unfinished = self.state in {self.State.QUEUED, self.State.RUNNING}
        return not (unfinished and self.is_of_archive), self.model_version.standing, self.pk

    @property
    def evidence_values(self) -> NDArray[np.float32] | None:
        """The evidence at each of grid.CANDIDATES, float32, shape (N_CANDIDATES,); None for a call made elsewhere."""
        return None if self.evidence is None else np.frombuffer(self.evidence, dtype="<f4")

    def add_review(self, reviewer: User, verdict: str, reason: str, **said: Any) -> Review:
        """Sign a verdict on this call; ReviewError says why it cannot be.  ``said``: phase or phase_name, and blind."""
        return self.reviews.sign(self, reviewer, verdict, reason, **said)

    def take(self, call: pipeline.Call, *, device: str) -> None:
        """Hold ``call``, to be written; ``FINISHED`` names what that changes."""
        prediction = call.prediction
        self.state, self.lease, self.leased_until, self.reason = self.State.DONE, None, None, None
        self.level = call.level
        self.probability = prediction.probability
        self.phases = dict(prediction.probabilities)
        self.quasilattice_constant = prediction.quasilattice_constant
        self.quasilattice_constant_sigma = prediction.quasilattice_constant_sigma
        self.lattice_type = prediction.lattice_type
        self.share = prediction.share
        self.evidence = prediction.evidence.astype("<f4").tobytes()
        self.thresholds_version = THRESHOLDS_VERSION
        self.device = device
        self.finished_at = timezone.now()

    def refuse(self, reason: Sentence) -> bool:
        """Answer that this pattern cannot be judged, if the row is still leased to us."""
        return self._write_if_ours(state=self.State.NOT_SCREENABLE, reason=reason.as_json(), finished_at=timezone.now())

    @transaction.atomic
    def give_back(self, reason: Sentence) -> bool:
        """Put the row back into the queue after a failure, or aside where it has failed MAX_ATTEMPTS times; then it is told, too."""
        if self.attempts < MAX_ATTEMPTS:
            return self._write_if_ours(state=self.State.QUEUED, reason=reason.as_json())
        aside = sentence(
            "Set aside after %(attempts)s attempts. The last one ended so: %(reason)s",
            attempts=self.attempts,
            reason=reason,
        )
        if not self._write_if_ours(state=self.State.FAILED, reason=aside.as_json(), finished_at=timezone.now()):
            return False
        if not self.is_of_archive:
            pattern, run_page = self.reading.pattern, reverse("screening:run", args=[self.run_id])
            Notice.objects.tell(
                NoticeKind.FAILED,
                {pattern.uploaded_by_id},
                about=pattern.name,
                address=run_page,
                sample=pattern.sample,
            )
        return True

    def retry(self, run: ScreeningRun) -> None:
        """Queue a failed row again, in the run of the person who asked for it; anything but failed is left alone."""
        retried = ScreeningResult.objects.failed().filter(pk=self.pk)
        if retried.update(
            run=run,
            state=self.State.QUEUED,
            priority=self.Priority.RETRY,
            attempts=0,
            reason=None,
            queued_at=timezone.now(),
            finished_at=None,
        ):
            ring_on_commit()

    def _write_if_ours(self, **fields: Any) -> bool:
        ours = ScreeningResult.objects.filter(pk=self.pk, state=self.State.RUNNING, lease=self.lease)
        return ours.update(lease=None, leased_until=None, **fields) == 1
