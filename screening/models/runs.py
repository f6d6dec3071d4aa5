"""Screening runs: why, by whom, and the one entry through which patterns come in to be screened."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import File
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from samples.models import Pattern, Project, Reading, Receipt, Sample, Viewer, hidden_from, seen_by
from samples.models.acts import changes_by
from samples.xrd.sentences import Sentence
from screening.bell import ring_on_commit
from screening.matching import Named, SampleMatcher, samples_by_code
from screening.models.received import LoggedSample, ReceivedPattern, RefusedFile
from screening.models.results import ScreeningResult


class ScreeningRunQuerySet(models.QuerySet["ScreeningRun"]):
    def start(self, why: ScreeningRun.Why, by: User, *, project: Project | None = None) -> ScreeningRun:
        return self.create(why=why, started_by=by, project=project)

    def visible_to(self, person: Viewer) -> ScreeningRunQuerySet:
        """Own ones, and those that were sent for no closed project and are about nothing in one: a run tells the names of its files."""
        if not hidden_from(person):
            return self
        received, results = (
            ReceivedPattern.objects.filter(run=OuterRef("pk")),
            ScreeningResult.objects.filter(run=OuterRef("pk")),
        )
        tells = Exists(received.hidden_from(person)) | Exists(results.hidden_from(person)) & Q(
            why__in=ScreeningRun.OF_SOMEBODY
        )
        return self.filter(Q(started_by=person.pk) | seen_by(person, "project") & ~Q(tells))

    def uploads_of(self, person: User) -> ScreeningRunQuerySet:
        """The uploads that this person started, and may send more files into."""
        return self.uploads().filter(started_by=person, undone_at=None)

    def uploads(self) -> ScreeningRunQuerySet:
        return self.filter(why=ScreeningRun.Why.UPLOAD)

    @transaction.atomic
    def correct(
        self,
        pattern: Pattern,
        by: User,
        *,
        wavelength: float,
        blank: Reading | None = None,
        blank_scale: float = 1.0,
        reason: str,
    ) -> Reading:
        """Correct ``pattern`` by a new reading and screen that; PatternFileError where the correction makes no sense."""
        reading = pattern.correct(by, wavelength=wavelength, blank=blank, blank_scale=blank_scale, reason=reason)
        self.start(ScreeningRun.Why.CORRECTION, by).enqueue([reading])
        return reading

    @transaction.atomic
    def mark(self, pattern: Pattern, kind: Pattern.Kind, by: User, why: str = "") -> None:
        """Say whether ``pattern`` is a measurement or a blank; a measurement that was none before is screened."""
        pattern.mark_as(kind, by, why)
        if kind == Pattern.Kind.MEASUREMENT and (reading := pattern.current_reading):
            self.start(ScreeningRun.Why.CORRECTION, by).enqueue([reading])

    @transaction.atomic
    def retry(self, pattern: Pattern, by: User) -> ScreeningRun:
        """Try again what went wrong with ``pattern``: to read its file, or to screen it."""
        run = self.start(ScreeningRun.Why.RETRY, by)
        if pattern.failure:
            receipt = pattern.read_file(by)
            run.enqueue([reading for scan in receipt.patterns if (reading := scan.current_reading)])
        for result in ScreeningResult.objects.failed().filter(reading__pattern=pattern):
            result.retry(run)
        return run


class ScreeningRun(models.Model):
    """One reason to screen: an upload batch, a retry, a rescreen of the archive, calls recorded from elsewhere."""

    class Why(models.TextChoices):
        UPLOAD = "upload", _("upload")
        CORRECTION = "correction", _("correction")
        RETRY = "retry", _("retry")
        RESCREEN = "rescreen", _("rescreen")
        SHADOW = "shadow", _("shadow screening")
        IMPORT = "import", _("import of a data set")
        RECORD = "record", _("record of calls made elsewhere")

    OF_SOMEBODY = (Why.UPLOAD, Why.CORRECTION, Why.RETRY)
    """The others are about the whole archive."""

    why = models.CharField(_("why"), max_length=12, choices=Why)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("started by")
    )
    started_at = models.DateTimeField(_("started at"), auto_now_add=True)
    project = models.ForeignKey(
        Project,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="runs",
        verbose_name=_("project"),
        help_text=_("What finds no sample waits in the inbox for the members of this project."),
    )
    undone_at = models.DateTimeField(_("undone at"), null=True, blank=True, editable=False)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("undone by"),
    )
    patterns = models.ManyToManyField(
        Pattern, through=ReceivedPattern, related_name="runs", verbose_name=_("patterns received")
    )

    objects = ScreeningRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("screening run")
        verbose_name_plural = _("screening runs")
        ordering = ["-started_at", "-pk"]
        indexes = [models.Index(fields=["why", "-started_at", "-id"], name="run_why_newest")]

    def __str__(self) -> str:
        return f"{self.get_why_display()} {self.pk}"

    def receive(
        self,
        content: bytes | File[bytes],
        *,
        name: str,
        path: str = "",
        sample: Sample | None = None,
        matcher: SampleMatcher | None = None,
        kind: str = Pattern.Kind.MEASUREMENT,
        simulated: bool = False,
    ) -> Receipt:
        """Take in one file of this batch: keep it, read it, and queue its scans.  The browser, the API and commands call this.

        The pattern and its place in the queue are written together, so that none is ever forgotten.  ``path`` is where the
        file lay in the folder that was sent; ``matcher`` looks for the sample where none is given.
        """
        with changes_by(self.started_by):
            receipt = Pattern.objects.receive(
                content,
                name=name,
                by=self.started_by,
                sample=sample,
                project=self.project,
                kind=kind,
                simulated=simulated,
            )
            self._note_receipt(receipt, path, sample, matcher)
        return receipt

    def _note_receipt(self, receipt: Receipt, path: str, sample: Sample | None, matcher: SampleMatcher | None) -> None:
        if receipt.failure and not receipt.patterns:
            self.refuse(path or receipt.name, receipt.failure)
        rows = [
            ReceivedPattern(run=self, pattern=pattern, known=receipt.known, path=path) for pattern in receipt.patterns
        ]
        readings = {pattern.pk: reading for pattern in receipt.patterns if (reading := pattern.current_reading)}
        if sample and not receipt.known:
            for row in rows:
                row.how = ReceivedPattern.How.CHOSEN
        elif matcher and not receipt.known:
            self._match(rows, readings, matcher)
        ReceivedPattern.objects.bulk_create(rows, ignore_conflicts=True)  # the same file twice in one batch
        self.enqueue(list(readings.values()))

    def refuse(self, path: str, reason: Sentence) -> None:
        """Note a file that was not kept, and why."""
        refused = RefusedFile(run=self, path=path, reason=reason.as_json())
        RefusedFile.objects.bulk_create([refused], ignore_conflicts=True)

    def _match(self, rows: list[ReceivedPattern], readings: dict[int, Reading], matcher: SampleMatcher) -> None:
        """Give the new patterns of ``rows`` the samples that their names name."""
        named = [
            Named(
                path=row.path or row.pattern.name,
                in_file=str(readings[row.pattern_id].metadata.get("sample_name") or "")
                if row.pattern_id in readings
                else "",
            )
            for row in rows
        ]
        for row, finding in zip(rows, matcher.find_all(named), strict=True):
            row.how, row.template, row.proposed_code = finding.how, finding.template, finding.proposed_code
            if finding.sample:
                row.pattern.give_to(finding.sample)

    def undo(self, by: User, why: str = "") -> bool:
        """Archive what this upload brought: its new patterns, and the samples logged for them that hold nothing else.

        Nothing is deleted, and what was screened stays on record.  False where somebody else was first.
        """
        moment = timezone.now()
        with changes_by(by, why):
            if not ScreeningRun.objects.filter(pk=self.pk, undone_at=None).update(undone_at=moment, undone_by=by):
                return False
            self.refresh_from_db()
            Pattern.objects.filter(received__run=self, received__known=False).archive(by, at=moment)
            others = Pattern.objects.current().filter(sample=OuterRef("pk"))
            pieces = Sample.objects.current().filter(parent=OuterRef("pk"))
            idle = Sample.objects.current().filter(
                ~Exists(others), ~Exists(pieces), logged_with__run=self, edition=1, steps=None, weighed_masses=None
            )
            idle.update(archived_at=moment, changed_by=by, changed_at=moment)
        return True

    def redo(self, by: User, why: str = "") -> bool:
        """Restore what undoing this upload archived, and nothing that was archived by hand before or after."""
        moment = self.undone_at
        with changes_by(by, why):
            if not ScreeningRun.objects.filter(pk=self.pk, undone_at=moment).update(undone_at=None, undone_by=None):
                return False
            self.refresh_from_db()
            Pattern.objects.filter(received__run=self, received__known=False, archived_at=moment).restore(by)
            back = Sample.objects.filter(logged_with__run=self, archived_at=moment)
            back.update(archived_at=None, changed_by=by, changed_at=timezone.now())
        return True

    @transaction.atomic
    def log_samples(self, new: Sequence[Sample], by: User) -> int:
        """Log ``new`` samples, and give each to the patterns of this run that name its code; how many were logged.

        ValidationError, and nothing logged, where one cannot be.  A code that somebody logged meanwhile is taken as it is.
        """
        here = samples_by_code((sample.code.lower() for sample in new), by)
        rows: dict[str, list[int]] = {}
        for pk, code in self.received.proposing().values_list("pk", "proposed_code"):
            rows.setdefault(code.lower(), []).append(pk)
        n_logged = 0
        for sample in new:
            home = here.get(sample.code.lower())
            if home is None:
                sample.project = self.project
                sample.log(by=by)
                LoggedSample.objects.create(run=self, sample=sample)
                home, n_logged = sample, n_logged + 1
            own = self.received.filter(pk__in=rows.get(sample.code.lower(), []))
            own.give_to(home, by)
            own.update(how=ReceivedPattern.How.LOGGED)
        return n_logged

    def enqueue(self, readings: list[Reading]) -> list[ScreeningResult]:
        """Queue ``readings`` for the production version, and ring for a worker once that is committed."""
        results = ScreeningResult.objects.enqueue(self, readings)
        if any(result.state == ScreeningResult.State.QUEUED for result in results):
            ring_on_commit()
        return results
